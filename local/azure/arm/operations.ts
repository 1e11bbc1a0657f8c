import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Collection, Journal } from '../../journal';
import { ArmError, notFound } from './arm-error';

export type OperationStatus = 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';

export interface OperationFailure {
  code: string;
  message: string;
  details?: { code: string; message: string }[];
}

/** A long-running operation as it is kept in the journal. */
export interface OperationRecord {
  /** `{prefix}:{workspace guid}:{guid}`, as it stands in the operation's URL. */
  id: string;
  /** What it does, for example `deployment-put`; finds the handler after a restart. */
  kind: string;
  /** ARM id of the resource. */
  resource: string;
  status: OperationStatus;
  startTime: string;
  endTime?: string;
  /** 0 to 100. */
  percentComplete: number;
  error?: OperationFailure;
  /** What GET on the result URL answers in the end: absent = no content. */
  result?: unknown;
}

/** What a running operation can say about itself. */
export interface RunningOperation {
  readonly id: string;
  readonly resource: string;
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
  progress(percentComplete: number): void;
  /** Throws the failure that was ordered for this operation (see local/azure/faults); call it where the work could fail by itself. @throws OperationError */
  throwIfFaulted(): void;
}

/** Does the work. What it returns is the answer on the result URL; an ArmError or OperationError makes the operation Failed with that code. */
export type OperationRun = (operation: RunningOperation) => Promise<unknown>;

export interface OperationStart {
  kind: string;
  resource: string;
  /** First part of the id: `oeidp` for endpoints, `odidp` for deployments. */
  prefix: string;
  run: OperationRun;
}

export interface StartedOperation {
  id: string;
  /** The absolute status URL without the signature part: what stands in `properties.properties.AzureAsyncOperationUri`. */
  statusUri: string;
  /** For a PUT: Azure-AsyncOperation, and Location = the resource itself. */
  putHeaders: Record<string, string>;
  /** For a DELETE: Azure-AsyncOperation, and Location = the result URL. */
  deleteHeaders: Record<string, string>;
  /** For PATCH and POST: Location = the result URL only. */
  resultHeaders: Record<string, string>;
  /** Resolves when the operation has ended, however it ended. */
  ended: Promise<void>;
}

/** Fails an operation with a code of the service, for example `ResourceNotReady`. */
export class OperationError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details?: { code: string; message: string }[],
  ) {
    super(message);
    this.name = 'OperationError';
  }
}

const retryAfterSeconds = '1';
const apiVersion = '2023-04-01-preview';

/** ARM's long-running operations: start, status, result. Kept in the journal, so that a client may poll over a restart of the server. */
export class Operations {
  readonly #records: Collection<OperationRecord>;
  readonly #restartHandlers = new Map<string, (record: OperationRecord) => OperationRun | undefined>();
  readonly #running = new Set<Promise<void>>();

  constructor(
    journal: Journal,
    private readonly place: {
      subscriptionId: string;
      region: string;
      workspaceId: string;
      baseUrl(): string;
      /** The failure that was ordered for an operation that starts on that resource. */
      failureOf?(resource: string): { code: string; message: string } | undefined;
      signal: AbortSignal;
      log: (line: string) => void;
    },
  ) {
    this.#records = journal.collection('operations');
  }

  /** Starts the work in the background and gives what the first answer needs. */
  start(o: OperationStart): StartedOperation {
    const record: OperationRecord = {
      id: `${o.prefix}:${this.place.workspaceId}:${randomUUID()}`,
      kind: o.kind,
      resource: o.resource,
      status: 'InProgress',
      startTime: new Date().toISOString(),
      percentComplete: 0,
    };
    this.#records.set(record.id, record);
    const ended = this.#run(record, o.run);
    const statusUri = this.#uri('mfeOperationsStatus', record.id);
    // The real service appends t, c, s and h, a signature over the URL; clients must keep the query as it is.
    const signed = `${statusUri}&t=${Date.now()}&c=local&s=local&h=${randomUUID().replaceAll('-', '')}`;
    const location = this.#uri('mfeOperationResults', record.id);
    const wait = { 'Retry-After': retryAfterSeconds, 'x-ms-async-operation-timeout': 'PT30M' };
    return {
      id: record.id,
      statusUri,
      putHeaders: {
        ...wait,
        'Azure-AsyncOperation': signed,
        Location: `${this.place.baseUrl()}${o.resource}?api-version=${apiVersion}`,
      },
      deleteHeaders: { ...wait, 'Azure-AsyncOperation': signed, Location: location },
      resultHeaders: { ...wait, Location: location },
      ended,
    };
  }

  get(id: string): OperationRecord | undefined {
    return this.#records.get(id);
  }

  /**
   * Says what becomes of operations of that kind which were under way when the server ended: the work to do again, or undefined for Failed
   * (the handler sets the resource's provisioningState itself). Without a handler they fail.
   */
  onRestart(kind: string, handler: (record: OperationRecord) => OperationRun | undefined): void {
    this.#restartHandlers.set(kind, handler);
  }

  /** Settles what an earlier process left under way. Call once, after all parts have registered. */
  settleInterrupted(): void {
    for (const [, record] of [...this.#records.entries()]) {
      if (record.status !== 'InProgress') continue;
      const run = this.#restartHandlers.get(record.kind)?.(record);
      if (run) void this.#run(record, run);
      else
        this.#end(record, {
          status: 'Failed',
          error: { code: 'InternalServerError', message: 'The service restarted while the operation was under way.' },
        });
    }
  }

  /** Waits until nothing runs any more; the context's signal has been aborted before. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  #run(record: OperationRecord, run: OperationRun): Promise<void> {
    let ordered = this.place.failureOf?.(record.resource);
    const throwIfFaulted = (): void => {
      if (!ordered) return;
      const { code, message } = ordered;
      ordered = undefined;
      throw new OperationError(code, message);
    };
    const operation: RunningOperation = {
      id: record.id,
      resource: record.resource,
      signal: this.place.signal,
      progress: percentComplete => {
        const now = this.#records.get(record.id) ?? record;
        this.#records.set(record.id, { ...now, percentComplete });
      },
      throwIfFaulted,
    };
    // In a later turn: the first answer of the service comes before the work.
    const work = new Promise<void>(resolve => setImmediate(resolve))
      .then(() => run(operation))
      .then(result => {
        // Work that does not ask has been done by now; the operation says that it failed all the same.
        throwIfFaulted();
        return result;
      })
      .then(
        result => this.#end(record, { status: 'Succeeded', ...(result === undefined ? {} : { result }) }),
        (error: unknown) => {
          // Stopped in the middle: stays InProgress in the journal, for `settleInterrupted` of the next process.
          if (this.place.signal.aborted) return;
          if (!(error instanceof ArmError) && !(error instanceof OperationError)) {
            this.place.log(`Operation ${record.kind} on ${record.resource} failed unexpectedly: ${stackOf(error)}`);
          }
          this.#end(record, { status: 'Failed', error: failureOf(error) });
        },
      )
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
    return work;
  }

  #end(record: OperationRecord, outcome: Pick<OperationRecord, 'status' | 'error' | 'result'>): void {
    const now = this.#records.get(record.id) ?? record;
    this.#records.set(record.id, { ...now, ...outcome, percentComplete: 100, endTime: new Date().toISOString() });
  }

  #uri(kind: 'mfeOperationsStatus' | 'mfeOperationResults', id: string): string {
    return (
      `${this.place.baseUrl()}/subscriptions/${this.place.subscriptionId}/providers/Microsoft.MachineLearningServices` +
      `/locations/${this.place.region}/${kind}/${id}?api-version=${apiVersion}`
    );
  }
}

function failureOf(error: unknown): OperationFailure {
  if (error instanceof OperationError)
    return { code: error.code, message: error.message, ...(error.details ? { details: error.details } : {}) };
  if (error instanceof ArmError) return { code: error.code, message: error.message };
  return { code: 'InternalServerError', message: error instanceof Error ? error.message : String(error) };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The status and result routes, below `/subscriptions/:subscriptionId/providers/Microsoft.MachineLearningServices`. */
export function registerOperations(app: FastifyInstance, operations: Operations): void {
  app.get<{ Params: { id: string } }>('/locations/:region/mfeOperationsStatus/:id', (request, reply) => {
    const record = operations.get(request.params.id);
    if (!record) throw notFound(`Operation ${request.params.id} was not found.`);
    // azure-core looks at the last answer only, and waits 30 seconds where that says nothing.
    if (record.status === 'InProgress') reply.header('Retry-After', retryAfterSeconds);
    const { id, status, startTime, endTime, percentComplete, error } = record;
    return {
      id: request.url.split('?')[0],
      name: id,
      status,
      startTime,
      ...(endTime === undefined ? {} : { endTime }),
      percentComplete,
      ...(error === undefined ? {} : { error }),
    };
  });
  app.get<{ Params: { id: string } }>('/locations/:region/mfeOperationResults/:id', (request, reply) => {
    const record = operations.get(request.params.id);
    if (!record) throw notFound(`Operation ${request.params.id} was not found.`);
    if (record.status === 'InProgress') {
      return reply.code(202).headers({ Location: request.url, 'Retry-After': retryAfterSeconds }).send();
    }
    if (record.error) throw new ArmError(400, record.error.code, record.error.message);
    return record.result === undefined ? reply.code(204).send() : reply.code(200).send(record.result);
  });
}
