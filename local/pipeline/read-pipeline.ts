import { resolve } from 'node:path';
import { valueOf } from './expressions/values';
import { Fields, isNothing } from './fields';
import type { Job, Pipeline, Stage, VariableEntry } from './model';
import { readParameters } from './parameters';
import { PipelineError, type Position } from './pipeline-error';
import { checkName, defaultTimeouts, readJobs, withCheckout, withVariables } from './read-jobs';
import { readPayloads, refuseResources, withPayloads } from './read-resources';
import { readCondition, readSteps } from './read-steps';
import { variablesObject, type VariableReader } from './read-variables';
import { runtimeContext } from './runtime-context';
import type { TaskCatalog } from './task-catalog';
import { mappingEntries, scalarText, sequenceItems, withNames, type Source } from './template';
import { displayName, openTemplate } from './template-files';
import { readYamlFile } from './yaml-nodes';

export interface PipelineReader extends VariableReader {
  tasks: TaskCatalog;
}

/** Sections that say when and where a pipeline runs: nothing to do with a run that was started by hand on this machine. */
const ignored = ['trigger', 'pr', 'schedules', 'pool', 'lockBehavior', 'appendCommitMessageToRunName'];
const rootKeys = ['name', 'parameters', 'variables', 'resources', 'stages', 'jobs', 'steps', 'extends', ...ignored];

/** Names that stand for what a pipeline does not name, as in Azure Pipelines. */
const unnamedStage = '__default';
const unnamedJob = 'Job';

/**
 * Reads a pipeline's file with its templates.
 * @param given parameters of the run: plain data by name.
 * @throws PipelineError with file, line and column for anything that is wrong or not supported here.
 */
export function readPipeline(file: string, given: Record<string, unknown>, reader: PipelineReader): Pipeline {
  const absolute = resolve(file);
  const shown = displayName(absolute, reader.project.sourcesDir);
  const node = readYamlFile(absolute, shown);
  const start: Position = { file: shown, line: 1, column: 1 };
  const declared =
    node.kind === 'mapping' ? node.entries.find(({ key }) => key.text === 'parameters')?.value : undefined;
  const { payloads, others } = readPayloads(node, given);
  const own = readParameters(
    declared && { node: declared, scope: { file: absolute, names: {} } },
    new Map(Object.entries(others).map(([key, value]) => [key, { value: valueOf(value), at: start }])),
    start,
  );
  const parameters = withPayloads(own, payloads);
  const root: Source = {
    node,
    scope: { file: absolute, names: { parameters, variables: variablesObject(reader.known) } },
  };
  const fields = new Fields(root, 'a pipeline', rootKeys);
  refuseResources(fields);
  const { variables, scoped } = withVariables(fields, [], reader);
  const name = scoped('name');
  const pipeline: Pipeline = {
    runName: name === undefined ? undefined : scalarText(name),
    variables,
    stages: readBody(root, fields, variables, reader),
    ignored: ignored.filter(key => fields.has(key)),
  };
  checkGraph(pipeline.stages, 'stage');
  for (const stage of pipeline.stages) checkGraph(stage.jobs, 'job');
  return pipeline;
}

/** The stages of a pipeline or of the template that it extends, at whichever level they are written. */
function readBody(root: Source, fields: Fields, variables: VariableEntry[], reader: PipelineReader): Stage[] {
  const names = { variables: variablesObject([...reader.known, ...variables]) };
  const body = ['stages', 'jobs', 'steps', 'extends'].filter(key => fields.has(key));
  const [key, second] = body;
  if (key === undefined) throw new PipelineError(fields.at, 'A pipeline needs stages, jobs, steps or extends.');
  if (second !== undefined) throw new PipelineError(fields.place(second), `'${second}' cannot stand beside '${key}'.`);
  const source = withNames(fields.source(key) ?? root, names);
  const below: PipelineReader = { ...reader, overrides: [] };
  if (key === 'stages') return readStages(source, variables, below);
  if (key === 'extends') {
    const extended = new Fields(source, 'extends', ['template', 'parameters']);
    const file = openTemplate(extended.text('template') ?? '', source, extended, reader.project.sourcesDir);
    const inner = new Fields(file.content, 'the template', ['stages', 'jobs', 'steps', 'variables', 'parameters']);
    const read = withVariables(inner, variables, reader);
    return readBody(file.content, inner, [...variables, ...read.variables], reader).map(stage => ({
      ...stage,
      variables: [...read.variables, ...stage.variables],
    }));
  }
  const jobs = key === 'jobs' ? named(readJobs(source, variables, below), 'Job') : [singleJob(source, below)];
  return [
    {
      name: unnamedStage,
      displayName: unnamedStage,
      dependsOn: [],
      condition: undefined,
      variables: [],
      jobs,
      at: fields.at,
    },
  ];
}

function singleJob(steps: Source, reader: PipelineReader): Job {
  return {
    kind: 'job',
    name: unnamedJob,
    displayName: unnamedJob,
    dependsOn: [],
    condition: undefined,
    continueOnError: false,
    ...defaultTimeouts,
    variables: [],
    matrix: undefined,
    maxParallel: 0,
    environment: undefined,
    steps: withCheckout(readSteps(steps, reader)),
    at: steps.node.at,
  };
}

function readStages(source: Source, outer: VariableEntry[], reader: PipelineReader): Stage[] {
  const stages = stageItems(source, outer, reader);
  return stages.map(({ dependsOn, ...stage }, index) => {
    // Stages come one after the other unless they say otherwise.
    const before = stages[index - 1]?.name;
    return { ...stage, dependsOn: dependsOn ?? (before === undefined ? [] : [before]) };
  });
}

type ReadStage = Omit<Stage, 'dependsOn'> & { dependsOn: string[] | undefined };

function stageItems(source: Source, outer: VariableEntry[], reader: PipelineReader): ReadStage[] {
  return sequenceItems(source, 'stages').flatMap(item => {
    const keys = mappingEntries(item, 'A stage').map(({ key }) => key);
    if (keys.includes('template')) {
      const fields = new Fields(item, 'a template', ['template', 'parameters']);
      const file = openTemplate(fields.text('template') ?? '', item, fields, reader.project.sourcesDir);
      return stageItems(file.section('stages', ['stages', 'parameters']), outer, reader);
    }
    return [readStage(item, outer, reader)];
  });
}

const stageKeys = [
  'stage',
  'displayName',
  'dependsOn',
  'condition',
  'variables',
  'jobs',
  'pool',
  'lockBehavior',
  'templateContext',
];

function readStage(item: Source, outer: VariableEntry[], reader: PipelineReader): ReadStage {
  const fields = new Fields(item, 'a stage', stageKeys);
  const name = fields.text('stage') ?? '';
  if (name === '')
    throw new PipelineError(fields.at, 'A stage needs a name: stage, or template for a template of stages.');
  checkName(name, fields.place('stage'));
  const { variables, scoped } = withVariables(fields, outer, reader);
  const jobs = scoped('jobs');
  return {
    name,
    displayName: fields.text('displayName') ?? name,
    dependsOn: fields.list('dependsOn'),
    condition: readCondition(fields, runtimeContext.ofCondition()),
    variables,
    jobs: jobs === undefined || isNothing(jobs) ? [] : named(readJobs(jobs, [...outer, ...variables], reader), 'Job'),
    at: fields.at,
  };
}

/** Gives names to jobs that have none: Job1, Job2 by their place. */
function named(jobs: Job[], prefix: string): Job[] {
  return jobs.map((job, index) => {
    const name = job.name || `${prefix}${index + 1}`;
    return { ...job, name, displayName: job.displayName || name };
  });
}

/** @throws PipelineError for a name used twice, a dependency that is not there, or a circle of dependencies. */
function checkGraph(nodes: { name: string; dependsOn: string[]; at: Position }[], what: 'stage' | 'job'): void {
  const byName = new Map<string, (typeof nodes)[number]>();
  for (const node of nodes) {
    if (byName.has(node.name.toLowerCase()))
      throw new PipelineError(node.at, `The ${what} name '${node.name}' is already used.`);
    byName.set(node.name.toLowerCase(), node);
  }
  const finished = new Set<string>();
  const visit = (node: (typeof nodes)[number], path: string[]): void => {
    const key = node.name.toLowerCase();
    if (finished.has(key)) return;
    if (path.includes(node.name)) {
      throw new PipelineError(
        node.at,
        `The ${what}s ${[...path, node.name].join(' -> ')} depend on each other in a circle.`,
      );
    }
    for (const dependency of node.dependsOn) {
      const target = byName.get(dependency.toLowerCase());
      if (target === undefined)
        throw new PipelineError(node.at, `The ${what} '${node.name}' depends on the unknown ${what} '${dependency}'.`);
      visit(target, [...path, node.name]);
    }
    finished.add(key);
  };
  for (const node of nodes) visit(node, []);
}
