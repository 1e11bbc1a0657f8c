import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isMap, isNode, LineCounter, parseDocument, stringify, type Document } from 'yaml';
import { TaskError } from '../../lib/task-error';
import type { InlineJob } from './inputs';
import { applyOverride, plainValue, yamlOptions } from './job-yaml';
import { commandJob, type JobSpec } from './job-schema';

export type { JobSpec } from './job-schema';

/** A checked job and the folder that its relative paths start from. */
export interface JobFile {
  readonly spec: JobSpec;
  readonly folder: string;
}

/** Reads a job file and applies the overrides to it. Every problem is named with its line. */
export function readJobFile(file: string, set: Readonly<Record<string, string>>): JobFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : `cannot be read (${String(error)})`;
    throw new TaskError(
      `The job file ${file} ${reason}. Is the repository checked out, and jobFile relative to its root?`,
      { code: 'GuardianInput', cause: error },
    );
  }
  return { spec: parseJob(text, file, set), folder: dirname(file) };
}

/** The job of the task's own inputs, through the same checks and overrides as a file. */
export function inlineJobFile(job: InlineJob, folder: string, set: Readonly<Record<string, string>>): JobFile {
  const environment = /^azureml:/.test(job.environment) ? job.environment : { image: job.environment };
  return { spec: parseJob(stringify({ ...job, environment }), 'The job of the inputs', set), folder };
}

function parseJob(text: string, file: string, set: Readonly<Record<string, string>>): JobSpec {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...yamlOptions, lineCounter: lines });
  const [syntax] = document.errors;
  if (syntax)
    throw new TaskError(`${file} is not valid YAML: ${syntax.message}`, { code: 'GuardianInput', cause: syntax });
  if (!isMap(document.contents))
    throw new TaskError(`${file} holds no job: it must be a map with keys such as command and environment.`, {
      code: 'GuardianInput',
    });
  refuseOtherKinds(document, file, lines);
  for (const [path, value] of Object.entries(set)) applyOverride(document, path, value, file);
  const parsed = commandJob.safeParse(plainValue(document));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(issue => {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
    return keys.map(key => {
      const path = key === undefined ? issue.path : [...issue.path, key];
      const text = key === undefined ? issue.message : 'this key is not known, or not supported yet';
      return `line ${lineOf(document, path, lines)}: ${path.join('.')}: ${text}`;
    });
  });
  throw new TaskError(
    `${file} is not a command job as az ml knows it:\n${problems.map(problem => `  - ${problem}`).join('\n')}`,
    { code: 'GuardianInput' },
  );
}

function refuseOtherKinds(document: Document, file: string, lines: LineCounter): void {
  const type =
    document.get('type') ?? (document.has('jobs') ? 'pipeline' : document.has('trial') ? 'sweep' : 'command');
  if (type === 'command') return;
  const key = document.has('type') ? 'type' : document.has('jobs') ? 'jobs' : 'trial';
  throw new TaskError(
    `${file}, line ${lineOf(document, [key], lines)}: jobs of type ${JSON.stringify(type)} are not supported yet; only command jobs are.`,
    { code: 'GuardianInput' },
  );
}

/** The line of the nearest node that the document has on the way to a path. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = document.getIn(path.slice(0, length - 1), true);
    const pair = isMap(parent)
      ? parent.items.find(item => isNode(item.key) && String(item.key) === String(path[length - 1]))
      : undefined;
    const node: unknown = pair?.key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
