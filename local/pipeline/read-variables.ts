import type { Project } from '../project';
import { checkedExpression } from './expressions/evaluate';
import { objectValue, type ObjectValue } from './expressions/values';
import { Fields, isNothing } from './fields';
import type { VariableEntry } from './model';
import { locating, PipelineError } from './pipeline-error';
import { runtimeContext } from './runtime-context';
import { mappingEntries, scalarText, sequenceItems, withNames, type Source } from './template';
import { openTemplate } from './template-files';

export interface VariableReader {
  project: Project;
  /** Predefined variables that template expressions can see, and those given for the run. */
  known: VariableEntry[];
  /** Given for the run: they win over what the pipeline's root sets. Empty below the root. */
  overrides: VariableEntry[];
}

/**
 * Reads a `variables` section: a mapping, or a list of variables, groups and templates. Later entries see earlier ones.
 * @param outer the variables that the section's scope has already.
 */
export function readVariables(
  source: Source | undefined,
  outer: VariableEntry[],
  reader: VariableReader,
): VariableEntry[] {
  if (source === undefined || isNothing(source)) return [];
  const result: VariableEntry[] = [];
  const overridden = (entries: VariableEntry[]): VariableEntry[] =>
    entries.map(entry => reader.overrides.find(item => sameName(item, entry)) ?? entry);
  const inScope = (item: Source): Source =>
    withNames(item, { variables: variablesObject([...reader.known, ...outer, ...result]) });
  if (source.node.kind === 'mapping') {
    for (const { key, at, value } of mappingEntries(inScope(source), 'variables')) {
      result.push(...overridden([variable(key, inScope(value), false, at)]));
    }
    return result;
  }
  for (const item of sequenceItems(inScope(source), 'variables')) {
    const fields = new Fields(inScope(item), 'a variable', [
      'name',
      'value',
      'readonly',
      'group',
      'template',
      'parameters',
    ]);
    const template = fields.text('template');
    const group = fields.text('group');
    if (group !== undefined) {
      result.push(...overridden(groupVariables(group, reader.project, fields)));
    } else if (template !== undefined) {
      const file = openTemplate(template, inScope(item), fields, reader.project.sourcesDir);
      const inner = file.section('variables', ['variables', 'parameters']);
      result.push(...readVariables(inner, [...outer, ...result], reader));
    } else {
      const name = fields.text('name');
      if (name === undefined) throw new PipelineError(fields.at, 'A variable needs a name, a group or a template.');
      const value = fields.source('value');
      result.push(
        ...overridden([
          variable(name, value === undefined ? undefined : inScope(value), fields.flag('readonly', false), fields.at),
        ]),
      );
    }
  }
  return result;
}

function sameName(a: VariableEntry, b: VariableEntry): boolean {
  return a.name.toLowerCase() === b.name.toLowerCase();
}

function variable(
  name: string,
  value: Source | undefined,
  isReadOnly: boolean,
  at: VariableEntry['at'],
): VariableEntry {
  const text = value === undefined ? '' : scalarText(value);
  const entry: VariableEntry = { name, value: text, isSecret: false, isReadOnly, at };
  const [, runtime] = /^\s*\$\[([\s\S]*)\]\s*$/.exec(text) ?? [];
  if (runtime !== undefined) {
    entry.expression = locating(value?.node.at ?? at, () => checkedExpression(runtime, runtimeContext.ofVariables()));
  }
  return entry;
}

function groupVariables(group: string, project: Project, fields: Fields): VariableEntry[] {
  const variables = project.variableGroups[group];
  if (variables === undefined) {
    const known = Object.keys(project.variableGroups).join(', ') || 'none';
    throw new PipelineError(
      fields.place('group'),
      `Variable group '${group}' could not be found. The project has: ${known}.`,
    );
  }
  return Object.entries(variables).map(([name, value]) => ({
    name,
    value: typeof value === 'string' ? value : value.value,
    isSecret: typeof value !== 'string',
    isReadOnly: false,
    at: fields.at,
  }));
}

/**
 * What `variables` means in a template expression. Azure Pipelines puts nothing in the place of a variable that it does not know; here
 * it is an error, except for the predefined ones (with a dot in their name), of which not every run has each.
 */
export function variablesObject(entries: VariableEntry[]): ObjectValue {
  // Secrets are not there when templates are expanded.
  const object = objectValue(entries.filter(entry => !entry.isSecret).map(entry => [entry.name, entry.value]));
  return {
    ...object,
    get: name => {
      const value = object.get(name);
      if (value === undefined && !name.includes('.')) {
        throw new Error(
          `There is no variable '${name}' when templates are expanded. A secret or a variable that a step sets is reached with $(${name}).`,
        );
      }
      return value;
    },
  };
}
