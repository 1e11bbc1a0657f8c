import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';

export interface FakeHostSetup {
  inputs?: Record<string, string>;
  /** filePath inputs; one that is left out was left empty. */
  paths?: Record<string, string>;
  connections?: ServiceConnection[];
  variables?: Record<string, string>;
  proxy?: (url: string) => string | undefined;
}

/** An agent in memory that remembers what a task told it. Its clock moves only when somebody sleeps. */
export class FakeHost implements TaskHost {
  readonly lines: string[] = [];
  readonly warnings: string[] = [];
  readonly foreignText: string[] = [];
  readonly progressed: { percent: number; operation: string }[] = [];
  readonly masked: string[] = [];
  readonly outputs: Record<string, string> = {};
  readonly summaries: { title: string; markdown: string }[] = [];
  readonly artifacts: { name: string; fileName: string; content: string }[] = [];
  readonly attachments: { type: string; name: string; content: string }[] = [];
  /** Milliseconds that each sleep asked for. */
  readonly sleeps: number[] = [];
  /** Called at each sleep, before time passes: the place for "and meanwhile …". */
  onSleep: (milliseconds: number) => void | Promise<void> = () => undefined;

  private readonly abortController = new AbortController();
  private time = Date.parse('2026-03-01T12:00:00Z');

  constructor(private readonly setup: FakeHostSetup = {}) {}

  input(name: string): string | undefined {
    return this.setup.inputs?.[name]?.trim() || undefined;
  }

  pathInput(name: string): string | undefined {
    return this.setup.paths?.[name];
  }

  connection(id: string): ServiceConnection {
    const found = this.setup.connections?.find(connection => connection.id === id);
    if (!found) throw new TaskError(`The service connection ${id} was not passed to this task.`);
    return found;
  }

  variable(name: string): string | undefined {
    return this.setup.variables?.[name];
  }

  proxy(url: string): string | undefined {
    return this.setup.proxy?.(url);
  }

  info(line: string): void {
    this.lines.push(line);
  }

  debug(): void {
    // What the debug log holds is nobody's contract.
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  foreign(text: string): void {
    this.foreignText.push(text);
  }

  group(title: string): () => void {
    this.lines.push(title);
    return () => undefined;
  }

  progress(percent: number, operation: string): void {
    this.progressed.push({ percent, operation });
  }

  maskSecret(value: string): void {
    this.masked.push(value);
  }

  setOutput(name: string, value: string): void {
    this.outputs[name] = value;
  }

  summary(title: string, markdown: string): Promise<void> {
    this.summaries.push({ title, markdown });
    return Promise.resolve();
  }

  publishArtifact(name: string, fileName: string, content: string): Promise<void> {
    this.artifacts.push({ name, fileName, content });
    return Promise.resolve();
  }

  attach(type: string, name: string, content: string): Promise<void> {
    this.attachments.push({ type, name, content });
    return Promise.resolve();
  }

  /** What the agent's SIGINT does. */
  cancel(): void {
    this.abortController.abort(
      new TaskError('The pipeline cancelled this step (SIGINT).', { code: 'GuardianCanceled' }),
    );
  }

  get signal(): AbortSignal {
    return this.abortController.signal;
  }

  readonly clock = {
    now: (): Date => new Date(this.time),
    sleep: async (milliseconds: number, signal: AbortSignal): Promise<void> => {
      signal.throwIfAborted();
      this.sleeps.push(milliseconds);
      await this.onSleep(milliseconds);
      signal.throwIfAborted();
      this.time += milliseconds;
    },
  };
}

/** A service connection as the agent passes it; keys are found in any case. */
export function fakeConnection(
  parts: {
    id?: string;
    url?: string;
    scheme?: string;
    auth?: Record<string, string>;
    data?: Record<string, string>;
  } = {},
): ServiceConnection {
  const lookUp =
    (values: Record<string, string> = {}) =>
    (key: string): string | undefined =>
      Object.entries(values).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
  return {
    id: parts.id ?? 'connection-1',
    url: parts.url ?? 'https://management.azure.com/',
    scheme: parts.scheme ?? 'ServicePrincipal',
    auth: lookUp(parts.auth),
    data: lookUp(parts.data),
  };
}
