import type { Logger } from 'pino';
import { version } from '../../package.json';
import type { Span } from './tracer';

export interface ExporterOptions {
  /** Where spans are posted to, with its path. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  /** @param result `exported`, `dropped` or `failed` */
  readonly count: (result: string, spans: number) => void;
  readonly log: Logger;
}

/** As OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE and OTEL_BSP_SCHEDULE_DELAY are where nobody sets them. */
const queueSize = 2048;
const batchSize = 512;
const delayMilliseconds = 5000;
const timeoutMilliseconds = 10_000;

/**
 * Sends spans in batches, as OTLP over HTTP in JSON, which every collector takes beside protobuf at the same address.
 * It never holds up a request: what does not fit the queue is dropped and counted.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export class SpanExporter {
  #queue: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #complained = false;

  constructor(private readonly options: ExporterOptions) {}

  add(...spans: readonly Span[]): void {
    if (this.#queue.length + spans.length > queueSize) {
      this.options.count('dropped', spans.length);
      return;
    }
    this.#queue.push(...spans);
    if (this.#queue.length >= batchSize) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), delayMilliseconds).unref();
  }

  async stop(): Promise<void> {
    while (this.#sending ?? this.#queue.length > 0) {
      this.#flush();
      await this.#sending;
    }
    clearTimeout(this.#timer);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sending || this.#queue.length === 0) return;
    const batch = this.#queue.splice(0, batchSize);
    this.#sending = this.#send(batch).finally(() => {
      this.#sending = undefined;
      if (this.#queue.length > 0) this.#timer ??= setTimeout(() => this.#flush(), delayMilliseconds).unref();
    });
  }

  async #send(spans: readonly Span[]): Promise<void> {
    const { url, headers, count, log } = this.options;
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(this.#request(spans)),
        signal: AbortSignal.timeout(timeoutMilliseconds),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      count('exported', spans.length);
      this.#complained = false;
    } catch (error) {
      count('failed', spans.length);
      if (!this.#complained) log.warn({ err: error, url }, 'the trace collector does not take spans; told once');
      this.#complained = true;
    }
  }

  #request(spans: readonly Span[]): object {
    const scope = { name: 'guardian-scoring-runtime', version };
    return {
      resourceSpans: [
        {
          resource: { attributes: attributes(this.options.resource) },
          scopeSpans: [{ scope, spans: spans.map(toOtlp) }],
        },
      ],
    };
  }
}

/** Kinds 1 and 2 are INTERNAL and SERVER; status code 2 is ERROR. */
function toOtlp(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId === undefined ? {} : { parentSpanId: span.parentId }),
    name: span.name,
    kind: span.server ? 2 : 1,
    startTimeUnixNano: nanoseconds(span.start),
    endTimeUnixNano: nanoseconds(span.end),
    attributes: attributes(span.attributes),
    status: span.failed ? { code: 2 } : {},
  };
}

/** Nanoseconds since 1970 are beyond what a number holds exactly. */
function nanoseconds(milliseconds: number): string {
  return String(BigInt(Math.round(milliseconds * 1000)) * 1000n);
}

function attributes(values: Readonly<Record<string, string | number>>): object[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
  }));
}
