import { parseExpression } from '../pipeline/expressions/parse-expression';
import type { Condition, Job, Pipeline, Stage, Step, VariableEntry } from '../pipeline/model';
import { PipelineError, locating, type Position } from '../pipeline/pipeline-error';
import { plainStep } from '../pipeline/plain-step';
import type { TaskCatalog } from '../pipeline/task-catalog';
import type { ReleaseDefinition, ReleaseEnvironment } from './definition';

export interface ReleaseReader {
  /** Shown in errors. */
  file: string;
  tasks: TaskCatalog;
  /** Stages to deploy, as by hand; those that start by themselves unless given. */
  stages?: string[];
  /** Variables of this release; only those that allow it can be set. */
  given: Record<string, string>;
}

/** `value` of a condition on another stage: EnvironmentStatus.succeeded. */
const succeeded = '4';

/**
 * A release definition as stages, jobs and steps. Approvals, schedules, triggers and retention have no part in a run on one machine.
 * @throws PipelineError for a task, stage or variable that is not there.
 */
export function releaseStages(definition: ReleaseDefinition, reader: ReleaseReader): Pipeline {
  const at: Position = { file: reader.file, line: 1, column: 1 };
  const environments = [...definition.environments].sort((a, b) => a.rank - b.rank);
  for (const name of reader.stages ?? [])
    if (!environments.some(environment => environment.name === name))
      throw new PipelineError(
        at,
        `There is no stage '${name}'. There are: ${environments.map(one => one.name).join(', ')}.`,
      );
  const chosen = reader.stages
    ? environments.filter(({ name }) => reader.stages?.includes(name))
    : environments.filter(environment => startsByItself(environment, environments));
  return {
    runName: definition.releaseNameFormat,
    variables: definitionVariables(definition, reader, at),
    stages: chosen.map(environment => stageOf(environment, definition, chosen, reader, at)),
    ignored: [],
  };
}

/** Without a condition a stage waits for a person, and so does what comes after it. */
function startsByItself({ conditions }: ReleaseEnvironment, all: ReleaseEnvironment[]): boolean {
  return (
    conditions.length > 0 &&
    conditions.every(({ name, conditionType }) => {
      if (conditionType === 1 || conditionType === 'event') return true;
      const earlier = all.find(environment => environment.name === name);
      return earlier !== undefined && startsByItself(earlier, all);
    })
  );
}

function definitionVariables(
  { variables }: ReleaseDefinition,
  { given }: ReleaseReader,
  at: Position,
): VariableEntry[] {
  for (const name of Object.keys(given)) {
    if (variables[name]?.allowOverride === true) continue;
    const settable = Object.keys(variables).filter(key => variables[key]?.allowOverride === true);
    throw new PipelineError(
      at,
      `The variable '${name}' cannot be set at release time. Those that can: ${settable.join(', ')}.`,
    );
  }
  return entriesOf(variables, at).map(entry => ({ ...entry, value: given[entry.name] ?? entry.value }));
}

function entriesOf(variables: ReleaseDefinition['variables'], at: Position): VariableEntry[] {
  return Object.entries(variables).map(([name, { value, isSecret }]) => ({
    name,
    value: value ?? '',
    isSecret: isSecret === true,
    isReadOnly: false,
    at,
  }));
}

function stageOf(
  environment: ReleaseEnvironment,
  definition: ReleaseDefinition,
  chosen: ReleaseEnvironment[],
  { tasks }: ReleaseReader,
  at: Position,
): Stage {
  const dependsOn = environment.conditions.flatMap(({ name, conditionType, value }) => {
    if (conditionType === 1 || conditionType === 'event') return [];
    if (value !== succeeded)
      throw new PipelineError(at, `${environment.name}: only a stage that has succeeded can start another.`);
    return chosen.some(one => one.name === name) ? [name] : [];
  });
  const phases = [...environment.deployPhases].sort((a, b) => a.rank - b.rank);
  const release = { 'Release.EnvironmentName': environment.name, 'Release.EnvironmentId': String(environment.rank) };
  return {
    name: environment.name,
    displayName: environment.name,
    dependsOn,
    condition: undefined,
    variables: [
      ...entriesOf(environment.variables, at),
      ...Object.entries(release).map(([name, value]) => ({ name, value, isSecret: false, isReadOnly: true, at })),
    ],
    jobs: phases.map((phase, index): Job => {
      const { deploymentInput: input } = phase;
      const name = jobName(phase, index);
      const before = phases[index - 1];
      return {
        kind: 'job',
        name,
        displayName: phase.name,
        // Phases come one after the other.
        dependsOn: before ? [jobName(before, index - 1)] : [],
        condition: conditionOf(input.condition, at),
        continueOnError: false,
        timeoutInMinutes: input.timeoutInMinutes,
        cancelTimeoutInMinutes: input.jobCancelTimeoutInMinutes,
        variables: [],
        matrix: undefined,
        maxParallel: 0,
        environment: undefined,
        steps: [
          ...definition.artifacts.map(({ alias }): Step => ({
            kind: 'artifact',
            alias,
            ...plainStep(`Download artifact - ${alias}`, at),
          })),
          ...phase.workflowTasks.map((task): Step => taskStep(task, tasks, at)),
        ],
        at,
      };
    }),
    at,
  };
}

function jobName({ refName }: ReleaseEnvironment['deployPhases'][number], index: number): string {
  return refName ? refName : `job${index + 1}`;
}

function taskStep(
  task: ReleaseEnvironment['deployPhases'][number]['workflowTasks'][number],
  tasks: TaskCatalog,
  at: Position,
): Step {
  const found = locating(at, () => tasks.find(`${task.taskId}@${task.version.split('.')[0] ?? ''}`));
  return {
    kind: 'task',
    task: `${found.name}@${found.version.major}`,
    inputs: task.inputs,
    name: task.refName ?? '',
    displayName: task.name,
    condition: conditionOf(task.condition, at),
    continueOnError: task.continueOnError,
    enabled: task.enabled,
    timeoutInMinutes: task.timeoutInMinutes,
    retryCount: task.retryCountOnTaskFailure,
    env: task.environment,
    at,
  };
}

function conditionOf(text: string | null | undefined, at: Position): Condition | undefined {
  return text ? { text, expression: locating(at, () => parseExpression(text)) } : undefined;
}
