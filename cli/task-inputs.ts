import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Surroundings } from './connection';
import { connectionKind, isVisible, kebab, type Task, type TaskInput } from './task-manifests';
import { UsageError } from './usage-error';

/** Environment variables that stand for an input which nearly every call has; az names the second of each `az configure --defaults`. */
const variables: Readonly<Record<string, readonly string[]>> = {
  resourceGroup: ['AZURE_RESOURCE_GROUP', 'AZURE_DEFAULTS_GROUP'],
  workspaceName: ['AZURE_WORKSPACE', 'AZURE_DEFAULTS_WORKSPACE'],
};

/** What the environment says an input is; undefined where it says nothing. */
export function fromEnvironment(input: string, { env }: Surroundings): string | undefined {
  return variables[input]?.map(name => env[name]).find(value => value);
}

/** The inputs of a task that are flags: a connection is made from the caller's own login. */
export function flagInputs(task: Task): TaskInput[] {
  return task.inputs.filter(input => connectionKind(input) === undefined);
}

export function isMultiLine(input: TaskInput): boolean {
  return input.type.toLowerCase() === 'multiline';
}

/** The only values that an input takes; undefined where any may be typed. */
export function choicesOf(input: TaskInput): string[] | undefined {
  const options = Object.keys(input.options ?? {});
  const editable = input.properties?.['EditableOptions']?.toLowerCase() === 'true';
  return options.length > 0 && !editable ? options : undefined;
}

/**
 * What the flags mean, by the names of task.json: repeated flags are lines of a multi-line input, `@file` is a file's
 * content there, paths are taken from the current folder.
 * @param flag the value of a flag by the input's name
 * @throws UsageError that lists every problem
 */
export function taskInputs(
  task: Task,
  flag: (name: string) => unknown,
  surroundings: Surroundings,
): { inputs: Record<string, string>; given: Set<string> } {
  const problems: string[] = [];
  const given = new Set<string>();
  const inputs: Record<string, string> = {};
  for (const input of flagInputs(task)) {
    const value = flag(input.name);
    if (value !== undefined) given.add(input.name);
    inputs[input.name] = textOf(input, value, surroundings, problems) ?? String(input.defaultValue ?? '');
  }
  for (const input of flagInputs(task)) {
    const missing = input.required === true && inputs[input.name] === '';
    if (missing && isVisible(input, name => inputs[name] ?? '')) problems.push(missingText(input));
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { inputs, given };
}

function missingText({ name }: TaskInput): string {
  const known = variables[name];
  return `--${kebab(name)} is required${known ? ` (or ${known.join(', ')} in the environment)` : ''}.`;
}

function textOf(input: TaskInput, value: unknown, surroundings: Surroundings, problems: string[]): string | undefined {
  const { cwd } = surroundings;
  const flagName = `--${kebab(input.name)}`;
  if (value === undefined) return fromEnvironment(input.name, surroundings);
  const values = (Array.isArray(value) ? value : [value]).map(String);
  if (values.length > 1 && !isMultiLine(input)) problems.push(`${flagName} is given ${values.length} times.`);
  if (isMultiLine(input)) return values.map(text => contentOf(text, flagName, cwd, problems)).join('\n');
  const [text = ''] = values;
  const path = input.type.toLowerCase() === 'filepath' && text !== '' ? resolve(cwd, text) : undefined;
  if (path !== undefined && !existsSync(path)) problems.push(`${flagName}: there is no ${path}.`);
  return path ?? text;
}

function contentOf(text: string, flagName: string, cwd: string, problems: string[]): string {
  if (!text.startsWith('@')) return text;
  try {
    return readFileSync(resolve(cwd, text.slice(1)), 'utf8');
  } catch (error) {
    problems.push(`${flagName}: ${error instanceof Error ? error.message : String(error)}`);
    return '';
  }
}
