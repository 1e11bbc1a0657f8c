import { evaluate } from './expressions/evaluate';
import { objectValue, textOf, type ObjectValue } from './expressions/values';
import type { Variable } from '../agent/variables';
import type { VariableEntry } from './model';
import { locating } from './pipeline-error';
import { runtimeContext } from './runtime-context';

/**
 * Evaluates the values `$[ ]` of variables, each of which sees those before it.
 * @param fixed variables that are there anyway; not among the result.
 * @throws PipelineError when an expression cannot be evaluated.
 */
export function evaluateVariables(
  entries: VariableEntry[],
  fixed: Variable[],
  dependencies: ObjectValue,
  stageDependencies: ObjectValue,
): Variable[] {
  const result: Variable[] = [];
  for (const { name, value, isSecret, isReadOnly, expression, at } of entries) {
    const evaluated = (): string => {
      if (expression === undefined) return value;
      const variables = objectValue([...fixed, ...result].map(variable => [variable.name, variable.value]));
      return textOf(evaluate(expression, runtimeContext.ofVariables({ variables, dependencies, stageDependencies })));
    };
    result.push({ name, value: locating(at, evaluated), isSecret, isReadOnly });
  }
  return result;
}
