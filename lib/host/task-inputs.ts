import { TaskError } from '../task-error';
import type { ServiceConnection, TaskHost } from './task-host';

/**
 * Reads a task's inputs and collects what is wrong with them, so that a user sees every mistake at once. Getters return
 * a usable placeholder for a bad input; `finish` throws before anybody can use it.
 *
 * YAML may leave out a required input and pass any text for a pick list: only the editor checks them.
 */
export class TaskInputs {
  private readonly problems: string[] = [];

  constructor(private readonly host: TaskHost) {}

  required(name: string, rule?: NameRule): string {
    const value = this.optional(name, rule);
    if (value === undefined) this.problem(name, 'is required and was not given');
    return value ?? '';
  }

  optional(name: string, rule?: NameRule): string | undefined {
    const value = this.host.input(name);
    const unexpanded = value === undefined ? null : /^\$\(([^)]+)\)$/.exec(value);
    if (unexpanded) this.problem(name, `is ${value ?? ''}: the pipeline has no variable ${unexpanded[1] ?? ''}`);
    else if (value !== undefined && rule && !rule.pattern.test(value))
      this.problem(name, `is "${value}", but must be ${rule.says}`);
    return value;
  }

  requiredPath(name: string): string {
    const value = this.host.pathInput(name);
    if (value === undefined) this.problem(name, 'is required and was not given');
    return value ?? '';
  }

  optionalPath(name: string): string | undefined {
    return this.host.pathInput(name);
  }

  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const value = this.host.input(name);
    if (value === undefined) return otherwise;
    const found = choices.find(item => item === value);
    if (found === undefined) this.problem(name, `is "${value}", but must be one of ${choices.join(', ')}`);
    return found ?? otherwise;
  }

  boolean(name: string, otherwise: boolean): boolean {
    const value = this.host.input(name)?.toLowerCase();
    if (value === undefined) return otherwise;
    if (value !== 'true' && value !== 'false') this.problem(name, `is "${value}", but must be true or false`);
    return value === 'true';
  }

  integer(name: string, limits: { min: number; max: number }): number | undefined {
    const value = this.host.input(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (!/^-?\d+$/.test(value) || number < limits.min || number > limits.max) {
      this.problem(name, `is "${value}", but must be a whole number from ${limits.min} to ${limits.max}`);
    }
    return number;
  }

  /** A number that may have decimals, written with a point. */
  number(name: string, limits: { min: number; max: number }): number | undefined {
    const value = this.host.input(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (!/^-?\d+(\.\d+)?$/.test(value) || number < limits.min || number > limits.max)
      this.problem(name, `is "${value}", but must be a number from ${limits.min} to ${limits.max}`);
    return number;
  }

  /** The non-empty lines of a multi-line input; a line that starts with # is a comment. */
  lines(name: string): string[] {
    return (this.host.input(name) ?? '')
      .split(/\r?\n/)
      .map(line => line.trim())
      .filter(line => line !== '' && !line.startsWith('#'));
  }

  /** Lines `name=value` as a map; the value may hold further equals signs. */
  pairs(name: string): Record<string, string> {
    const pairs = new Map<string, string>();
    for (const line of this.lines(name)) {
      const at = line.indexOf('=');
      const key = line.slice(0, Math.max(at, 0)).trim();
      if (key === '') this.problem(name, `has the line "${line}", but each line must read name=value`);
      else if (pairs.has(key)) this.problem(name, `names "${key}" twice`);
      else pairs.set(key, line.slice(at + 1).trim());
    }
    return Object.fromEntries(pairs);
  }

  /** The service connection that an input names; undefined when the input is empty. */
  connection(name: string): ServiceConnection | undefined {
    const id = this.host.input(name);
    if (id === undefined) return undefined;
    try {
      return this.host.connection(id);
    } catch (error) {
      this.problem(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  requiredConnection(name: string): ServiceConnection {
    const connection = this.connection(name);
    if (connection) return connection;
    if (this.host.input(name) === undefined) this.problem(name, 'is required and was not given');
    return { id: '', url: '', scheme: '', auth: () => undefined, data: () => undefined };
  }

  /** Adds a problem that only the task can see, such as two inputs that exclude each other. */
  problem(name: string, text: string): void {
    this.problems.push(`${name} ${text}`);
  }

  /** Throws one TaskError that lists every problem found so far. */
  finish(): void {
    if (this.problems.length === 0) return;
    const [first = ''] = this.problems;
    throw new TaskError(
      this.problems.length === 1
        ? `Input ${first}.`
        : `${this.problems.length} inputs need attention:\n${this.problems.map(text => `  - ${text}`).join('\n')}`,
      { code: 'GuardianInput' },
    );
  }
}

export interface NameRule {
  pattern: RegExp;
  /** Completes "must be …". */
  says: string;
}

/** Names of endpoints and deployments: https://learn.microsoft.com/azure/machine-learning/reference-yaml-endpoint-online */
export const endpointName: NameRule = {
  pattern: /^[a-zA-Z](?!.*--)[-a-zA-Z0-9]{1,30}[a-zA-Z0-9]$/,
  says: '3 to 32 letters, digits and single dashes, starting with a letter and ending with a letter or digit',
};

/** Names of models, environments and other assets. */
export const assetName: NameRule = {
  pattern: /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/,
  says: 'up to 255 letters, digits, dashes, dots and underscores, starting with a letter or digit',
};
