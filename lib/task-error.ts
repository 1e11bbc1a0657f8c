/**
 * A failure that is explained: its message says what was being done, to what, what came back and what to do next. It is
 * shown as it stands, without a stack; anything else that is thrown is a defect of ours and shown as one.
 */
export class TaskError extends Error {
  override readonly name = 'TaskError';
}
