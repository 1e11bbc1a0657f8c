import { dirname } from 'node:path';
import { stringify } from 'yaml';
import { TaskError } from '../../../lib/task-error';
import type { InlineJob } from '../inputs';
import { commandJob, type CommandJobSpec } from './command-job';
import { applyOverride } from './override';
import { pipelineJob, type PipelineJobSpec } from './pipeline-job';
import { readComponent, readSteps, type Component, type Step } from './steps';
import { sweepJob, type SweepJobSpec } from './sweep-job';
import { readText, YamlFile, yamlOptions } from '../../../lib/azureml/yaml-file';

export type Job =
  | { readonly kind: 'command'; readonly spec: CommandJobSpec }
  | { readonly kind: 'sweep'; readonly spec: SweepJobSpec }
  | {
      readonly kind: 'pipeline';
      readonly spec: PipelineJobSpec;
      readonly steps: readonly Step[];
      readonly component: Component | undefined;
    };

/** A checked job and the folder that its relative paths start from. */
export type JobFile = Job & { readonly folder: string };

/** Reads a job file and applies the overrides to it. Every problem is named with its line. */
export function readJobFile(file: string, set: Readonly<Record<string, string>>): JobFile {
  return parseJob(readText(file, 'job file', 'jobFile'), file, dirname(file), set);
}

/** The job of the task's own inputs, through the same checks and overrides as a file. */
export function inlineJobFile(job: InlineJob, folder: string, set: Readonly<Record<string, string>>): JobFile {
  const environment = /^azureml:/.test(job.environment) ? job.environment : { image: job.environment };
  // With the options that it is read with, so that the text `on` stays a text.
  return parseJob(stringify({ ...job, environment }, yamlOptions), 'The job of the inputs', folder, set);
}

function parseJob(text: string, name: string, folder: string, set: Readonly<Record<string, string>>): JobFile {
  const file = YamlFile.parse(text, name);
  for (const [path, value] of Object.entries(set)) applyOverride(file.document, path, value, name);
  const kind = kindOf(file);
  const plain = file.plain();
  switch (kind) {
    case 'command':
      return { kind, folder, spec: file.check(commandJob, plain, [], 'a command job') };
    case 'sweep':
      return { kind, folder, spec: file.check(sweepJob, plain, [], 'a sweep job') };
    case 'pipeline': {
      const spec = file.check(pipelineJob, plain, [], 'a pipeline job');
      const component =
        spec.component === undefined ? undefined : readComponent(spec.component, file, ['component'], folder);
      if (component === undefined && Object.keys(spec.jobs).length === 0)
        throw new TaskError(`${name} is a pipeline without steps: name them below jobs, or a pipeline component.`, {
          code: 'GuardianInput',
        });
      return { kind, folder, spec, component, steps: readSteps(spec.jobs, file, ['jobs'], folder) };
    }
  }
}

function kindOf(file: YamlFile): Job['kind'] {
  const { document } = file;
  const [key, type] = document.has('type')
    ? ['type', document.get('type')]
    : document.has('jobs')
      ? ['jobs', 'pipeline']
      : document.has('trial')
        ? ['trial', 'sweep']
        : ['command', 'command'];
  if (type === 'command' || type === 'sweep' || type === 'pipeline') return type;
  throw new TaskError(
    `${file.name}, line ${file.lineOf([key])}: jobs of type ${JSON.stringify(type)} are not supported; command, sweep and pipeline jobs are.`,
    { code: 'GuardianInput' },
  );
}
