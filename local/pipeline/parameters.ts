import { objectValue, toText, type ObjectValue, type Value } from './expressions/values';
import { PipelineError, type Position } from './pipeline-error';
import { mappingEntries, scalarText, sequenceItems, valueOfSource, type Scope, type Source } from './template';

interface Parameter {
  name: string;
  type: string;
  at: Position;
  /** Undefined for a parameter that must be given. */
  default: Value | undefined;
  values: string[] | undefined;
}

/** Types of which a value is data; the lists of steps, jobs and stages are given and inserted as data too. */
const dataTypes = [
  'object',
  'step',
  'stepList',
  'job',
  'jobList',
  'deployment',
  'deploymentList',
  'stage',
  'stageList',
];

export interface GivenParameter {
  value: Value;
  at: Position;
}

/**
 * The parameters of a pipeline or template file, with values given, else defaults.
 * @param declaration the file's `parameters` section, if it has one.
 * @param where the place to name when a parameter without a default is not given.
 * @throws PipelineError for an unknown parameter, a missing one, a value of the wrong type or not among `values`.
 */
export function readParameters(
  declaration: Source | undefined,
  given: Map<string, GivenParameter>,
  where: Position,
): ObjectValue {
  const parameters = declaration === undefined ? [] : readDeclaration(declaration);
  for (const [name, { at }] of given) {
    if (!parameters.some(item => item.name.toLowerCase() === name.toLowerCase())) {
      throw new PipelineError(
        at,
        `Unexpected parameter '${name}'. Known are: ${parameters.map(item => item.name).join(', ') || 'none'}.`,
      );
    }
  }
  const byName = new Map([...given].map(([name, item]) => [name.toLowerCase(), item]));
  return strictObject(
    parameters.map(parameter => {
      const item = byName.get(parameter.name.toLowerCase());
      if (item === undefined && parameter.default === undefined) {
        throw new PipelineError(where, `A value for the '${parameter.name}' parameter must be provided.`);
      }
      return [parameter.name, typed(parameter, item?.value ?? parameter.default ?? null, item?.at ?? parameter.at)];
    }),
  );
}

/** Unlike Azure Pipelines, which puts nothing there, a parameter that is not declared is an error. */
function strictObject(entries: [string, Value][]): ObjectValue {
  const object = objectValue(entries);
  return {
    ...object,
    get: key => {
      const value = object.get(key);
      if (value === undefined) {
        throw new Error(
          `There is no parameter '${key}'. Declared are: ${entries.map(([name]) => name).join(', ') || 'none'}.`,
        );
      }
      return value;
    },
  };
}

function readDeclaration(declaration: Source): Parameter[] {
  // Expressions are not allowed here: there is nothing yet that they could refer to.
  const scope: Scope = { file: declaration.scope.file, names: {} };
  const source: Source = { node: declaration.node, scope };
  if (source.node.kind === 'scalar' && source.node.isNull) return [];
  if (source.node.kind === 'mapping') {
    return mappingEntries(source, 'parameters').map(({ key, value, at }) => {
      const node = value.node;
      const type = node.kind === 'scalar' ? 'text' : 'object';
      return { name: key, type, at, default: valueOfSource(value), values: undefined };
    });
  }
  return sequenceItems(source, 'parameters').map(item => readParameter(item));
}

function readParameter(item: Source): Parameter {
  const entries = mappingEntries(item, 'A parameter');
  const parameter: Parameter = { name: '', type: 'string', at: item.node.at, default: undefined, values: undefined };
  let defaultAt = item.node.at;
  for (const { key, value, at } of entries) {
    if (key === 'name') parameter.name = scalarText(value);
    else if (key === 'type') parameter.type = scalarText(value);
    else if (key === 'default') {
      parameter.default = valueOfSource(value);
      defaultAt = value.node.at;
    } else if (key === 'values') parameter.values = sequenceItems(value, 'values').map(scalarText);
    else if (key !== 'displayName') throw new PipelineError(at, `Unexpected value '${key}' in a parameter.`);
  }
  if (parameter.name === '') throw new PipelineError(item.node.at, 'A parameter needs a name.');
  if (!['string', 'number', 'boolean', ...dataTypes].includes(parameter.type)) {
    throw new PipelineError(
      item.node.at,
      `The parameter '${parameter.name}' has the type '${parameter.type}', which is not supported.`,
    );
  }
  if (parameter.default !== undefined) parameter.default = typed(parameter, parameter.default, defaultAt);
  return parameter;
}

function typed(parameter: Parameter, value: Value, at: Position): Value {
  const { name, type, values } = parameter;
  const wrong = (what: string): never => {
    throw new PipelineError(
      at,
      `The '${name}' parameter is not a valid ${what}: ${toText(value) ?? 'a list or a mapping'}`,
    );
  };
  const result = ((): Value => {
    if (dataTypes.includes(type)) return value ?? '';
    const text = toText(value);
    // An untyped parameter takes anything.
    if (type === 'text') return value ?? '';
    if (text === undefined) return wrong(type);
    if (type === 'boolean') return /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : wrong('Boolean');
    if (type === 'number') return text !== '' && Number.isFinite(Number(text)) ? Number(text) : wrong('Number');
    return text;
  })();
  if (values !== undefined && !values.includes(toText(result) ?? '')) {
    throw new PipelineError(
      at,
      `The '${name}' parameter value '${toText(result) ?? ''}' is not a valid value. Allowed are: ${values.join(', ')}.`,
    );
  }
  return result;
}
