import type { Clock } from '../host/task-host';
import { TaskError } from '../task-error';
import { statusOf } from './service-error';
import type { Workspace, WorkspaceResponse } from './workspace';

/** What every wait on an online endpoint needs. */
export interface OperationWait {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A line for the log. */
  info(line: string): void;
  /** Called after each look at an operation that still runs. */
  onPoll?(): Promise<void>;
}

/** An operation on an endpoint or deployment that Azure accepted and that then failed. */
export class OnlineOperationError extends TaskError {
  constructor(
    message: string,
    readonly code: string | undefined,
    /** Azure's own text, with what stands in `details`. */
    readonly answer: string,
    readonly requestId: string | undefined,
  ) {
    super(message, { code: code?.toLowerCase() === 'internalservererror' ? 'GuardianService' : 'GuardianRefused' });
  }
}

/** Seconds between looks at an operation when Azure does not say, which it does not for these: soon at first, for much is done at once. */
const pollSeconds = [1, 1, 2, 3];
const longestPollSeconds = 5;

/**
 * How long to wait before the next look, in milliseconds.
 * @param looks how many there have been
 */
export function pollDelay(looks: number, retryAfter?: string): number {
  const said = Number(retryAfter);
  const seconds = retryAfter && said >= 0 && said <= 60 ? said : (pollSeconds[looks] ?? longestPollSeconds);
  return seconds * 1000;
}

const busyTimeoutMilliseconds = 15 * 60_000;
/** Another try is a whole write: half as often as a look. */
const looksPerTry = 2;

/**
 * Sends a write, again and again while Azure answers 409 because another operation runs on the endpoint.
 * @param request is called anew each time, so that it can read the state that the other operation left
 */
export async function whenFree<T>(endpoint: string, request: () => Promise<T>, wait: OperationWait): Promise<T> {
  const started = wait.clock.now().getTime();
  for (let tries = 0; ; tries++) {
    try {
      return await request();
    } catch (error) {
      if (!isBusy(error)) throw error;
      const waited = wait.clock.now().getTime() - started;
      if (waited >= busyTimeoutMilliseconds) {
        throw new TaskError(
          `Endpoint ${endpoint} has been busy with another operation for ${Math.round(waited / 60_000)} minutes. See in its activity log what runs there, and run the task again when it has ended.`,
          { code: 'GuardianConflict', cause: error },
        );
      }
      const delay = looksPerTry * pollDelay(tries);
      wait.info(`Endpoint ${endpoint} is busy with another operation; trying again in ${delay / 1000} s`);
      await wait.clock.sleep(delay, wait.signal);
    }
  }
}

function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // Waiting does not help against a name that is taken.
  return (statusOf(error) ?? statusOf(error.cause)) === 409 && !/already exists|already in use/i.test(error.message);
}

interface OperationBody {
  readonly status?: string;
  readonly error?: { code?: string; message?: string; details?: { code?: string; message?: string }[] };
}

/** Of a message that quotes a container's log only what comes before it: the log is printed by itself. */
function firstLine(text: string): string {
  const [line = ''] = text.split(/\r?\n/);
  return line.length <= longestMessage ? line : `${line.slice(0, longestMessage)}…`;
}

const longestMessage = 1000;

/** Azure's code and text out of an operation's or response's body. */
export function answerOf(body: unknown): { code: string | undefined; text: string } {
  const error = (body as OperationBody | undefined)?.error;
  const details = (error?.details ?? []).map(item => [item.code, item.message].filter(Boolean).join(': '));
  const message = error?.message ?? 'Azure gave no message.';
  const text = [message, ...details.filter(detail => !message.includes(detail))].map(firstLine).join(' ');
  return { code: error?.code, text };
}

/**
 * Waits for the operation that a PUT has started, by its Azure-AsyncOperation URL; the URL's query is part of it.
 * @throws OnlineOperationError when Azure reports it failed
 */
export async function finishOperation(
  workspace: Workspace,
  started: WorkspaceResponse,
  doing: string,
  wait: OperationWait,
): Promise<void> {
  const url = started.header('azure-asyncoperation');
  if (!url) return;
  for (let looks = 0; ; looks++) {
    const response = await workspace.send({ method: 'GET', path: url, apiVersion: '', doing: `follow: ${doing}` });
    const status = (response.body as OperationBody).status?.toLowerCase();
    if (status === 'succeeded') return;
    if (status === 'failed' || status === 'canceled') {
      const { code, text } = answerOf(response.body);
      const requestId = response.header('x-ms-request-id');
      throw new OnlineOperationError(
        `Could not ${doing}: Azure reports ${status}${code ? ` (${code})` : ''}: ${text}${requestId ? ` Request id ${requestId}.` : ''}`,
        code,
        text,
        requestId,
      );
    }
    await wait.onPoll?.();
    await wait.clock.sleep(pollDelay(looks, response.header('retry-after')), wait.signal);
  }
}
