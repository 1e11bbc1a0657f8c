import { isAbsolute, resolve } from 'node:path';
import type { Connection } from './connection';
import type { TaskDefinition, TaskInput } from './task-definition';
import { expandMacros, type Variables } from './variables';

export interface ResolvedInputs {
  /** By canonical name; every declared input is there. */
  inputs: Record<string, string>;
  /** The connections that the inputs name: the only ones that the task gets to see. */
  connections: Connection[];
}

export interface InputSurroundings {
  variables: Variables;
  /** The agent's environment, whose variables $(NAME) reaches as well. */
  environment: Record<string, string>;
  connections: Iterable<Connection>;
  /** Folder that relative file inputs belong to. */
  root: string;
}

/**
 * Inputs as TaskRunner of azure-pipelines-agent makes them: defaults, then what is given, trimmed; then variables, then environment
 * variables put in; file inputs made absolute, an empty one becomes the root. Connections are given by name or id, as in YAML.
 * @throws Error for an input that the task does not have, or a connection that is not there.
 */
export function resolveInputs(
  task: TaskDefinition,
  given: Record<string, string>,
  surroundings: InputSurroundings,
): ResolvedInputs {
  const inputs: Record<string, string> = {};
  for (const input of task.inputs) inputs[input.name] = input.defaultValue;
  for (const [key, value] of Object.entries(given)) inputs[inputNamed(task, key).name] = value.trim();

  const connections = new Map<string, Connection>();
  for (const input of task.inputs) {
    const { variables, environment } = surroundings;
    const value = expandMacros(variables.expand(inputs[input.name] ?? ''), name => environment[name]);
    if (input.type.toLowerCase() === 'filepath') {
      inputs[input.name] = isAbsolute(value) ? resolve(value) : resolve(surroundings.root, value);
    } else if (isConnectionInput(input)) {
      const found = connectionsNamed(value, input, task, [...surroundings.connections]);
      for (const connection of found) connections.set(connection.id, connection);
      inputs[input.name] = found.map(connection => connection.id).join(',');
    } else {
      inputs[input.name] = value;
    }
  }
  return { inputs, connections: [...connections.values()] };
}

/** @throws Error that lists the task's inputs. */
export function inputNamed(task: TaskDefinition, key: string): TaskInput {
  const wanted = key.trim().toLowerCase();
  const found = task.inputs.find(
    input => input.name.toLowerCase() === wanted || input.aliases.some(alias => alias.toLowerCase() === wanted),
  );
  if (found) return found;
  throw new Error(
    `The task ${task.name} has no input '${key}'. It has: ${task.inputs.map(input => input.name).join(', ') || 'none'}.`,
  );
}

export function isConnectionInput(input: TaskInput): boolean {
  return input.type.toLowerCase().startsWith('connectedservice:');
}

/**
 * The connections that a value names, separated by commas.
 * @throws Error with the service's words for one that the project does not have, or that is of another type than the input takes.
 */
export function connectionsNamed(
  value: string,
  input: TaskInput,
  task: TaskDefinition,
  connections: Connection[],
): Connection[] {
  const names = value
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
  const type = input.type.split(':')[1] ?? '';
  return names.map(name => {
    const found = connections.find(item => item.name === name || item.id === name.toLowerCase());
    if (found === undefined) {
      throw new Error(
        `The task ${task.name} references service connection ${name} in its input ${input.name}, which could not be found. ` +
          `The project has: ${connections.map(item => `${item.name} (${item.type})`).join(', ') || 'none'}.`,
      );
    }
    if (found.type !== type.toLowerCase()) {
      throw new Error(
        `The input ${input.name} of the task ${task.name} takes a service connection of type ${type}; ${name} is of type ${found.type}.`,
      );
    }
    return found;
  });
}
