import type { ExpressionContext } from './expressions/evaluate';
import type { ExpressionFunction } from './expressions/functions';
import { objectValue, textOf, type ObjectValue, type Value } from './expressions/values';

/** What a condition asks about the state of the run. */
export interface RunStatus {
  canceled: boolean;
  /** Results of the named jobs or stages; without names, of all that come before. */
  results: (names: string[]) => string[];
}

export interface RuntimeValues {
  variables: ObjectValue;
  dependencies: ObjectValue;
  stageDependencies: ObjectValue;
}

const nothing: RuntimeValues = {
  variables: objectValue([]),
  dependencies: objectValue([]),
  stageDependencies: objectValue([]),
};

/** Which names and functions expressions know that are evaluated while the pipeline runs, by the place they stand at. */
export const runtimeContext = {
  /** `$[ ]` in variables. */
  ofVariables: (values: RuntimeValues = nothing): ExpressionContext => ({
    names: {
      variables: values.variables,
      dependencies: values.dependencies,
      stagedependencies: values.stageDependencies,
    },
    functions: {},
  }),

  /** Conditions of jobs and stages; the status functions may name jobs or stages that this one depends on. */
  ofCondition: (values: RuntimeValues = nothing, status?: RunStatus): ExpressionContext => ({
    names: {
      variables: values.variables,
      dependencies: values.dependencies,
      stagedependencies: values.stageDependencies,
    },
    functions: statusFunctions(status ?? { canceled: false, results: () => [] }, 255),
  }),

  /** Conditions of steps, which the agent evaluates: it knows the job's variables and its state so far. */
  ofStepCondition: (variables: ObjectValue = nothing.variables, status?: RunStatus): ExpressionContext => ({
    names: { variables },
    functions: statusFunctions(status ?? { canceled: false, results: () => [] }, 0),
  }),
};

const succeeded = ['Succeeded', 'SucceededWithIssues'];

function statusFunctions(status: RunStatus, mostNames: number): Record<string, ExpressionFunction> {
  const named = (test: (results: string[], named: boolean) => boolean): ExpressionFunction => ({
    arity: [0, mostNames],
    run: args => test(status.results(args.map(arg => textOf(arg()))), args.length > 0),
  });
  const fixed = (value: () => Value): ExpressionFunction => ({ arity: [0, 0], run: value });
  return {
    always: fixed(() => true),
    canceled: fixed(() => status.canceled),
    succeeded: named(results => !status.canceled && results.every(result => succeeded.includes(result))),
    failed: named(results => !status.canceled && results.includes('Failed')),
    succeededorfailed: named(
      results => !status.canceled && results.every(result => succeeded.includes(result) || result === 'Failed'),
    ),
  };
}
