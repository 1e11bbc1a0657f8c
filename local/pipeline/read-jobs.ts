import { Fields, isNothing } from './fields';
import type { Job, Step, VariableEntry } from './model';
import { PipelineError, type Position } from './pipeline-error';
import { plainStep } from './plain-step';
import type { PipelineReader } from './read-pipeline';
import { readCondition, readSteps } from './read-steps';
import { readVariables, variablesObject } from './read-variables';
import { runtimeContext } from './runtime-context';
import { mappingEntries, scalarText, sequenceItems, withNames, type Source } from './template';
import { openTemplate } from './template-files';

/** Keys of jobs that change nothing on one machine. */
const ignored = ['pool', 'workspace', 'templateContext'];

const jobKeys = [
  'displayName',
  'dependsOn',
  'condition',
  'continueOnError',
  'timeoutInMinutes',
  'cancelTimeoutInMinutes',
  'variables',
  'strategy',
  ...ignored,
] as const;

/** Minutes that a job may take, and that its last steps have once it is cancelled, unless it says so itself. */
export const defaultTimeouts = { timeoutInMinutes: 60, cancelTimeoutInMinutes: 5 };

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @param outer variables of the pipeline and the stage. */
export function readJobs(source: Source, outer: VariableEntry[], reader: PipelineReader): Job[] {
  return sequenceItems(source, 'jobs').flatMap(item => readJob(item, outer, reader));
}

function readJob(item: Source, outer: VariableEntry[], reader: PipelineReader): Job[] {
  const keys = mappingEntries(item, 'A job').map(({ key }) => key);
  if (keys.includes('template')) {
    const fields = new Fields(item, 'a template', ['template', 'parameters']);
    const file = openTemplate(fields.text('template') ?? '', item, fields, reader.project.sourcesDir);
    return readJobs(file.section('jobs', ['jobs', 'parameters']), outer, reader);
  }
  const kind = keys.includes('deployment') ? 'deployment' : 'job';
  if (!keys.includes(kind)) {
    throw new PipelineError(
      item.node.at,
      `Unexpected value '${keys[0] ?? ''}': a job starts with job, deployment or template.`,
    );
  }
  const own = kind === 'deployment' ? ['deployment', 'environment'] : ['job', 'steps'];
  const fields = new Fields(item, `a ${kind}`, [...own, ...jobKeys]);
  const pool = fields.source('pool');
  if (pool?.node.kind === 'scalar' && pool.node.text === 'server') {
    throw new PipelineError(pool.node.at, 'Jobs without an agent (pool: server) are not supported.');
  }
  const { scoped, variables } = withVariables(fields, outer, reader);
  const name = fields.text(kind) ?? '';
  if (name !== '') checkName(name, fields.place(kind));
  const strategy = scoped('strategy');
  const body = kind === 'deployment' ? deploymentBody(scoped, fields, reader) : jobBody(scoped, strategy, reader);
  return [
    {
      kind,
      name,
      displayName: fields.text('displayName') ?? name,
      dependsOn: fields.list('dependsOn') ?? [],
      condition: readCondition(fields, runtimeContext.ofCondition()),
      continueOnError: fields.flag('continueOnError', false),
      timeoutInMinutes: fields.count('timeoutInMinutes', defaultTimeouts.timeoutInMinutes),
      cancelTimeoutInMinutes: fields.count('cancelTimeoutInMinutes', defaultTimeouts.cancelTimeoutInMinutes),
      variables,
      ...body,
      at: fields.at,
    },
  ];
}

type JobBody = Pick<Job, 'steps' | 'matrix' | 'maxParallel' | 'environment'>;

function jobBody(
  scoped: (key: string) => Source | undefined,
  strategy: Source | undefined,
  reader: PipelineReader,
): JobBody {
  const steps = readSteps(scoped('steps'), reader);
  return { steps: withCheckout(steps), environment: undefined, ...readMatrix(strategy) };
}

/** A job checks its repository out first unless it says how itself. */
export function withCheckout(steps: Step[]): Step[] {
  const first = steps[0];
  if (steps.some(step => step.kind === 'checkout') || first === undefined) return withoutNone(steps);
  const checkout: Step = { kind: 'checkout', repository: 'self', path: 's', ...plainStep('Checkout', first.at) };
  return [checkout, ...withoutNone(steps)];
}

function readMatrix(strategy: Source | undefined): Pick<Job, 'matrix' | 'maxParallel'> {
  if (strategy === undefined || isNothing(strategy)) return { matrix: undefined, maxParallel: 0 };
  const fields = new Fields(strategy, 'the strategy of a job', ['matrix', 'maxParallel']);
  const source = fields.source('matrix');
  if (source === undefined) return { matrix: undefined, maxParallel: 0 };
  if (source.node.kind === 'scalar' && source.node.text.startsWith('$[')) {
    throw new PipelineError(source.node.at, 'A matrix that is made while the pipeline runs is not supported.');
  }
  const matrix = new Map<string, Record<string, string>>();
  for (const { key, at, value } of mappingEntries(source, 'matrix')) {
    checkName(key, at);
    matrix.set(key, Object.fromEntries(mappingEntries(value, key).map(entry => [entry.key, scalarText(entry.value)])));
  }
  return { matrix, maxParallel: fields.count('maxParallel', 0) };
}

function deploymentBody(scoped: (key: string) => Source | undefined, fields: Fields, reader: PipelineReader): JobBody {
  const environment = scoped('environment');
  if (environment === undefined) throw new PipelineError(fields.at, 'A deployment job needs an environment.');
  const name =
    environment.node.kind === 'mapping'
      ? new Fields(environment, 'environment', ['name', 'resourceName', 'resourceType', 'tags']).text('name')
      : scalarText(environment);
  const strategy = scoped('strategy');
  if (strategy === undefined) throw new PipelineError(fields.at, 'A deployment job needs a strategy.');
  const runOnce = new Fields(strategy, 'the strategy of a deployment', ['runOnce']).source('runOnce');
  const deploy = runOnce && new Fields(runOnce, 'runOnce', ['deploy']).source('deploy');
  if (deploy === undefined)
    throw new PipelineError(strategy.node.at, 'The strategy of a deployment needs runOnce with deploy.');
  const steps = readSteps(new Fields(deploy, 'deploy', ['steps', 'pool']).source('steps'), reader);
  return { steps: withDownload(steps), matrix: undefined, maxParallel: 0, environment: name ?? '' };
}

/** A deployment gets the run's artifacts first unless it says how itself; it does not check out. */
function withDownload(steps: Step[]): Step[] {
  const first = steps[0];
  if (steps.some(step => step.kind === 'download') || first === undefined) return withoutNone(steps);
  const download: Step = {
    kind: 'download',
    source: 'current',
    artifact: '',
    patterns: '**',
    path: undefined,
    name: '',
    displayName: 'Download artifacts',
    condition: undefined,
    continueOnError: false,
    enabled: true,
    timeoutInMinutes: 0,
    retryCount: 0,
    env: {},
    at: first.at,
  };
  return [download, ...withoutNone(steps)];
}

/** `checkout: none` and `download: none` only take away what would happen by itself. */
function withoutNone(steps: Step[]): Step[] {
  return steps.filter(
    step =>
      !(step.kind === 'checkout' && step.repository === 'none') &&
      !(step.kind === 'download' && step.source === 'none'),
  );
}

/** Reads a mapping's `variables`, and gives its other values with these in scope. */
export function withVariables(
  fields: Fields,
  outer: VariableEntry[],
  reader: PipelineReader,
): { variables: VariableEntry[]; scoped: (key: string) => Source | undefined } {
  const variables = readVariables(fields.source('variables'), outer, reader);
  const names = { variables: variablesObject([...reader.known, ...outer, ...variables]) };
  return {
    variables,
    scoped: key => {
      const value = fields.source(key);
      return value === undefined ? undefined : withNames(value, names);
    },
  };
}

export function checkName(name: string, at: Position): void {
  if (!namePattern.test(name)) {
    throw new PipelineError(
      at,
      `The name '${name}' is not valid: letters, digits and underscores only, no digit first.`,
    );
  }
}
