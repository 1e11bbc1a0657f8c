/** A service connection as the agent of Azure Pipelines passes it to a task, made here from the caller's own access. */
export interface Connection {
  /** GUID in lower case. */
  readonly id: string;
  readonly url: string;
  /** Authorization scheme. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, string>>;
}

/** What the command line reads from its surroundings: environment variables, the current folder, programs on the PATH. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
}
