/** A place in a YAML file; line and column count from 1. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** What is wrong in a pipeline's YAML, and where: `file:line:column: text`. */
export class PipelineError extends Error {
  constructor(
    readonly at: Position,
    readonly text: string,
    options?: ErrorOptions,
  ) {
    super(`${at.file}:${at.line}:${at.column}: ${text}`, options);
  }
}

/** Runs `action` and gives what it throws a place, unless it has one. */
export function locating<T>(at: Position, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError(at, error instanceof Error ? error.message : String(error), { cause: error });
  }
}
