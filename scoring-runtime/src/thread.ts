import { parentPort, Worker } from 'node:worker_threads';
import { messageOf } from './error-message';

/** A request to a thread, or its answer, by number. */
interface Envelope {
  readonly id: number;
  readonly body: unknown;
}

/** What a thread says first, when it has loaded what it needs. */
const startedMessage = 'started';

type Answer = { readonly id: number } & ({ readonly body: unknown } | { readonly failure: string });

/** A thread that answers requests, several at a time. `Requests` maps what is asked to what is answered. */
export class Thread<Request, Response> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve: (body: Response) => void; reject: (error: Error) => void }>();
  #next = 0;
  #stopping = false;
  readonly #asked = new Set<Promise<Response>>();
  /** Resolves when it can answer. */
  readonly started: Promise<void>;

  /** @param onDeath called once when the thread ends without having been stopped; every pending request is rejected */
  constructor(file: string, data: unknown, onDeath: (error: Error) => void) {
    this.#worker = new Worker(file, { workerData: data });
    let cause: Error | undefined;
    this.started = new Promise((resolve, reject) => {
      this.#worker.on('message', (answer: Answer | typeof startedMessage) => {
        if (answer === startedMessage) resolve();
        else this.#settle(answer);
      });
      this.#worker.once('exit', () => reject(cause ?? new Error('A thread ended before it had started.')));
    });
    // Whoever waits for it hears of it; nobody has to.
    this.started.catch(() => undefined);
    this.#worker.on('error', error => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    this.#worker.on('exit', code => {
      const error = cause ?? new Error(`A thread ended with code ${code}.`);
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
      if (!this.#stopping) onDeath(error);
    });
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** @param transfer buffers that move to the thread instead of being copied; the caller must not touch them again */
  ask(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Response> {
    const answer = new Promise<Response>((resolve, reject) => {
      const id = this.#next++;
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, body: request } satisfies Envelope, transfer);
    });
    this.#asked.add(answer);
    const forget = () => this.#asked.delete(answer);
    answer.then(forget, forget);
    return answer;
  }

  /**
   * Ends the thread when it has started and answered what it was asked: native code that is cut off in the middle of a
   * call, or of being loaded, takes the whole process with it.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.allSettled([this.started, ...this.#asked]);
    await this.#worker.terminate();
  }

  #settle(answer: Answer): void {
    const waiting = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ('failure' in answer) waiting?.reject(new Error(answer.failure));
    else waiting?.resolve(answer.body as Response);
  }
}

/** The thread that has the fewest requests to answer. @param threads at least one */
export function idlest<Request, Response>(threads: readonly Thread<Request, Response>[]): Thread<Request, Response> {
  return threads.reduce((least, thread) => (thread.pending < least.pending ? thread : least));
}

/** The other side: answers every request of the main thread with `handle`, and an error with its message. */
export function answerRequests(
  handle: (request: unknown) => Promise<{ body: unknown; transfer: readonly ArrayBuffer[] }>,
): void {
  const port = parentPort;
  if (!port) throw new Error('This file runs as a thread of the server.');
  port.on('message', ({ id, body }: Envelope) => {
    handle(body).then(
      ({ body, transfer }) => port.postMessage({ id, body } satisfies Answer, transfer),
      (error: unknown) => port.postMessage({ id, failure: messageOf(error) } satisfies Answer),
    );
  });
  port.postMessage(startedMessage);
}
