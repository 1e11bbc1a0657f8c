import { userError } from '../arm/arm-error';
import { invalid, oneOf, requiredText, text, type Body } from './body-fields';
import type { JobInput, JobOutput } from './job-request';

const dataTypes = ['uri_file', 'uri_folder', 'mltable', 'custom_model', 'mlflow_model', 'triton_model'] as const;
const inputTypes = ['literal', ...dataTypes] as const;
/**
 * Mounted or downloaded, the command sees the same files; `Direct` hands it the URI. `EvalMount` and `EvalDownload` would evaluate an
 * MLTable, which needs Azure ML's data runtime.
 */
const inputModes = ['ReadOnlyMount', 'Download', 'ReadWriteMount', 'Direct'] as const;
const outputModes = ['ReadWriteMount', 'Upload', 'Direct'] as const;

/** The `inputs` of a job. @throws ArmError 400 */
export function jobInputs(given: Body, where = 'inputs.'): Record<string, JobInput> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => {
      if (value === null) return [];
      requireName(name, where);
      return [[name, jobInput(value, `${where}${name}.`)]];
    }),
  );
}

function jobInput(value: unknown, where: string): JobInput {
  if (typeof value !== 'object' || value === null) throw invalid(where.slice(0, -1), 'must be an object');
  const given = value as Body;
  const jobInputType = oneOf(given, 'jobInputType', inputTypes, 'literal', where);
  const description = text(given, 'description', where);
  if (jobInputType === 'literal') {
    if (typeof given.value !== 'string') throw invalid(`${where}value`, 'must be a string');
    return { jobInputType, description, value: given.value };
  }
  return {
    jobInputType,
    description,
    uri: requiredText(given, 'uri', where),
    mode: oneOf(given, 'mode', inputModes, 'ReadOnlyMount', where),
  };
}

/** The `outputs` of a job, without `default`, which every job has. @throws ArmError 400 */
export function jobOutputsOf(given: Body, where = 'outputs.'): Record<string, JobOutput> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => {
      if (value === null || name === 'default') return [];
      requireName(name, where);
      return [[name, jobOutput(value, `${where}${name}.`)]];
    }),
  );
}

export function jobOutput(value: unknown, where: string): JobOutput {
  if (typeof value !== 'object' || value === null) throw invalid(where.slice(0, -1), 'must be an object');
  const given = value as Body;
  const uri = text(given, 'uri', where);
  const assetName = text(given, 'assetName', where);
  const assetVersion = text(given, 'assetVersion', where);
  return {
    jobOutputType: oneOf(given, 'jobOutputType', dataTypes, 'uri_folder', where),
    description: text(given, 'description', where),
    mode: oneOf(given, 'mode', outputModes, 'ReadWriteMount', where),
    ...(uri === null ? {} : { uri }),
    ...(assetName === null ? {} : { assetName }),
    ...(assetVersion === null ? {} : { assetVersion }),
  };
}

function requireName(name: string, where: string): void {
  // Source: azure-ai-ml, entities/_validation; the name becomes a folder and part of a placeholder.
  if (/^[a-zA-Z_][a-zA-Z0-9_]{0,254}$/.test(name)) return;
  throw userError(
    `The name '${name}' in ${where.slice(0, -1)} is not valid. It must begin with a letter or underscore and hold only letters, digits and underscores.`,
    { target: where + name },
  );
}

/** Refuses a command whose placeholders name nothing of the job. `known` holds the names by kind: inputs, outputs, search_space. */
export function requirePlaceholders(command: string, known: Record<string, Iterable<string>>, target: string): void {
  // Inside $[[ … ]] an input may be missing: the whole bracket is then left out.
  const required = command.replace(/\$\[\[.*?\]\]/gs, '');
  for (const [placeholder, kind = '', name = ''] of required.matchAll(
    /\$\{\{\s*(inputs|outputs|search_space)\.([\w-]+)\s*\}\}/g,
  )) {
    if ([...(known[kind] ?? [])].includes(name)) continue;
    const what = kind === 'search_space' ? 'parameter of the search space' : kind.slice(0, -1);
    throw userError(`The command refers to ${placeholder}, but the job has no ${what} of that name.`, { target });
  }
}
