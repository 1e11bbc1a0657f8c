import { delimiter, join } from 'node:path';
import { existsSync } from 'node:fs';
import { connectionsNamed, inputNamed, isConnectionInput } from '../agent/task-inputs';
import { builtinStep } from './builtin-tasks';
import { checkedExpression } from './expressions/evaluate';
import type { ExpressionContext } from './expressions/evaluate';
import { Fields, isNothing } from './fields';
import type { Condition, ScriptStep, Step, StepBase } from './model';
import { locating, PipelineError } from './pipeline-error';
import type { PipelineReader } from './read-pipeline';
import { runtimeContext } from './runtime-context';
import { mappingEntries, sequenceItems, type Source } from './template';
import { openTemplate } from './template-files';

const common = [
  'name',
  'displayName',
  'condition',
  'continueOnError',
  'enabled',
  'timeoutInMinutes',
  'retryCountOnTaskFailure',
  'env',
] as const;

/** By the key that says what kind of step it is: the keys that it may have besides the common ones. */
const kinds: Record<string, readonly string[]> = {
  task: ['inputs'],
  script: ['workingDirectory', 'failOnStderr'],
  bash: ['workingDirectory', 'failOnStderr'],
  pwsh: ['workingDirectory', 'failOnStderr'],
  checkout: ['clean', 'fetchDepth', 'fetchTags', 'lfs', 'submodules', 'path', 'persistCredentials'],
  publish: ['artifact'],
  download: ['artifact', 'patterns', 'path'],
  template: ['parameters'],
};

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @throws PipelineError for the first thing that is not supported or wrong. */
export function readSteps(source: Source | undefined, reader: PipelineReader): Step[] {
  if (source === undefined || isNothing(source)) return [];
  const steps = sequenceItems(source, 'steps').flatMap(item => readStep(item, reader));
  const names = new Set<string>();
  for (const step of steps) {
    if (step.name === '') continue;
    if (names.has(step.name.toLowerCase()))
      throw new PipelineError(step.at, `The step name '${step.name}' is already used in this job.`);
    names.add(step.name.toLowerCase());
  }
  return steps;
}

function readStep(item: Source, reader: PipelineReader): Step[] {
  const keys = mappingEntries(item, 'A step').map(({ key }) => key);
  const kind = keys.find(key => key in kinds);
  if (kind === undefined) {
    const what = keys[0] ?? '';
    throw new PipelineError(
      item.node.at,
      `Unexpected step '${what}'. Supported here are: ${Object.keys(kinds).join(', ')}.`,
    );
  }
  const fields = new Fields(item, `a ${kind} step`, [
    kind,
    ...(kind === 'template' ? [] : common),
    ...(kinds[kind] ?? []),
  ]);
  const text = fields.text(kind) ?? '';
  switch (kind) {
    case 'template': {
      const file = openTemplate(text, item, fields, reader.project.sourcesDir);
      return readSteps(file.section('steps', ['steps', 'parameters']), reader);
    }
    case 'task':
      return [taskStep(text, fields, reader)];
    case 'checkout':
      if (text !== 'self' && text !== 'none') {
        throw new PipelineError(
          fields.place('checkout'),
          `Only 'checkout: self' and 'checkout: none' are supported, not '${text}'.`,
        );
      }
      return [{ ...base(fields, 'Checkout'), kind, repository: text, path: fields.text('path') ?? 's' }];
    case 'publish':
      return [
        { ...base(fields, 'PublishPipelineArtifact'), kind, path: text, artifact: fields.text('artifact') ?? '' },
      ];
    case 'download':
      if (text !== 'current' && text !== 'none') {
        throw new PipelineError(
          fields.place('download'),
          `Only 'download: current' and 'download: none' are supported, not '${text}'.`,
        );
      }
      return [
        {
          ...base(fields, 'DownloadPipelineArtifact'),
          kind,
          source: text,
          artifact: fields.text('artifact') ?? '',
          patterns: fields.text('patterns') ?? '**',
          path: fields.text('path'),
        },
      ];
    default:
      return [scriptStep(kind as ScriptStep['shell'], text, fields)];
  }
}

function scriptStep(shell: ScriptStep['shell'], script: string, fields: Fields): ScriptStep {
  if (shell === 'pwsh' && !isInstalled('pwsh')) {
    throw new PipelineError(fields.place(shell), 'This machine has no PowerShell (pwsh), which this step needs.');
  }
  return {
    ...base(fields, { script: 'CmdLine', bash: 'Bash', pwsh: 'PowerShell' }[shell]),
    kind: 'script',
    shell,
    script,
    workingDirectory: fields.text('workingDirectory'),
    failOnStderr: fields.flag('failOnStderr', false),
  };
}

function taskStep(reference: string, fields: Fields, reader: PipelineReader): Step {
  const inputs = fields.texts('inputs');
  const builtin = builtinStep(reference, inputs, fields);
  if (builtin) return { ...base(fields, builtin.displayName), ...builtin.own };
  const task = locating(fields.place('task'), () => reader.tasks.find(reference));
  const source = fields.source('inputs');
  for (const { key, at, value } of source && !isNothing(source) ? mappingEntries(source, 'inputs') : []) {
    const given = inputs[key] ?? '';
    const input = locating(at, () => inputNamed(task, key));
    // The service resolves connections before it sends a job; a name that is a variable only then.
    if (isConnectionInput(input) && !given.includes('$(')) {
      locating(value.node.at, () => connectionsNamed(given, input, task, reader.project.connections));
    }
  }
  return { ...base(fields, task.name), kind: 'task', task: reference, inputs };
}

function base(fields: Fields, displayName: string): StepBase {
  const name = fields.text('name') ?? '';
  if (name !== '' && !namePattern.test(name)) {
    throw new PipelineError(
      fields.place('name'),
      `The step name '${name}' is not valid: letters, digits and underscores only.`,
    );
  }
  return {
    name,
    displayName: fields.text('displayName') ?? displayName,
    condition: readCondition(fields, runtimeContext.ofStepCondition()),
    continueOnError: fields.flag('continueOnError', false),
    enabled: fields.flag('enabled', true),
    timeoutInMinutes: fields.count('timeoutInMinutes', 0),
    retryCount: fields.count('retryCountOnTaskFailure', 0),
    env: fields.texts('env'),
    at: fields.at,
  };
}

/** The `condition` of a step, job or stage, checked for unknown names and functions. */
export function readCondition(fields: Fields, context: ExpressionContext): Condition | undefined {
  const text = fields.text('condition')?.trim();
  if (text === undefined || text === '') return undefined;
  return { text, expression: locating(fields.place('condition'), () => checkedExpression(text, context)) };
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, program)));
}
