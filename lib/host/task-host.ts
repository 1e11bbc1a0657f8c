/**
 * The agent as a task sees it: a small port, so that an operation can run under Azure Pipelines, from a terminal or in
 * a unit test without knowing which. The one adapter over azure-pipelines-task-lib is `pipelines-host.ts`.
 */
export interface TaskHost {
  /** An input's text, trimmed; undefined when absent or empty. Canonical names only: the agent never passes an alias. */
  input(name: string): string | undefined;
  /** A filePath input as an absolute path; undefined when it was left empty (the agent then passes the sources root). */
  pathInput(name: string): string | undefined;
  /** A service connection, by the id that a connectedService input holds. Throws a TaskError when it is not there. */
  connection(id: string): ServiceConnection;
  /** A pipeline variable such as `Build.BuildId`; undefined when not set. */
  variable(name: string): string | undefined;
  /** The agent's proxy for a URL, with its credentials; undefined when it is reached directly. */
  proxy(url: string): string | undefined;

  info(line: string): void;
  debug(line: string): void;
  warn(message: string): void;
  /** Text that is not ours (a training log, a server's message): printed so that it can never act as an agent command. */
  foreign(text: string): void;
  /** Opens a collapsible group in the log; the returned function closes it. */
  group(title: string): () => void;
  /** 0 to 100, and what is going on. Never goes down. */
  progress(percent: number, operation: string): void;

  /** Registers a value with the agent's masker. Call before the value can reach any log. */
  maskSecret(value: string): void;
  setOutput(name: string, value: string): void;
  /** Adds a Markdown section to the run's summary page. */
  summary(title: string, markdown: string): Promise<void>;
  /** Publishes a file as a pipeline artefact (an attachment where the host type has no artefacts). */
  publishArtifact(name: string, fileName: string, content: string): Promise<void>;
  /** Attaches a file to the run, for extensions to read; neither type nor name may hold characters of paths. */
  attach(type: string, name: string, content: string): Promise<void>;

  /** Aborted on cancellation (SIGINT, SIGTERM). Every wait takes it. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface Clock {
  now(): Date;
  /** Resolves after `milliseconds`; rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** What the agent passes of a service connection. Keys of `auth` and `data` are looked up case-insensitively. */
export interface ServiceConnection {
  readonly id: string;
  readonly url: string;
  /** Authorization scheme as the connection has it, for example `ServicePrincipal` or `WorkloadIdentityFederation`. */
  readonly scheme: string;
  auth(key: string): string | undefined;
  data(key: string): string | undefined;
}

/** How a task ended when it did not throw. Every thrown error is a failure. */
export type Outcome =
  | { readonly result: 'succeeded'; readonly message: string }
  | { readonly result: 'succeededWithIssues'; readonly message: string };
