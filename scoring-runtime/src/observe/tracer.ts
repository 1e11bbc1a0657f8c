import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { SpanExporter } from './otlp-exporter';

/** A finished span. Times are in milliseconds since 1970. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly server: boolean;
  readonly start: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly failed: boolean;
}

/** Which traces are recorded, by OTEL_TRACES_SAMPLER. */
export interface Sampling {
  /** Whether the caller's own decision counts, where it made one. */
  readonly parentBased: boolean;
  /** Share of the traces that begin here, 0 to 1. */
  readonly ratio: number;
}

interface TracedRequest {
  readonly method: string;
  readonly url: string;
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Spans of scoring requests, beside the caller's by the header traceparent. https://www.w3.org/TR/trace-context/
 * Names by https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
export class Tracer {
  constructor(
    private readonly sampling: Sampling,
    private readonly exporter: SpanExporter,
  ) {}

  /** Undefined when this request is not to be recorded. */
  start(route: string, request: TracedRequest): RequestSpan | undefined {
    const parent = parentOf(request.headers['traceparent']);
    const traceId = parent?.traceId ?? randomBytes(16).toString('hex');
    if (!this.#sampled(traceId, parent?.sampled)) return undefined;
    return new RequestSpan(route, request, traceId, parent?.spanId, this.exporter);
  }

  #sampled(traceId: string, parentSampled: boolean | undefined): boolean {
    const { parentBased, ratio } = this.sampling;
    if (parentBased && parentSampled !== undefined) return parentSampled;
    // The same trace must be decided alike by everybody: its id is the die.
    return parseInt(traceId.slice(-14), 16) < ratio * 2 ** 56;
  }

  /** Sends what is waiting. */
  async stop(): Promise<void> {
    await this.exporter.stop();
  }
}

export class RequestSpan {
  readonly #spanId = randomBytes(8).toString('hex');
  readonly #start = now();
  readonly #steps: Span[] = [];
  #ended = false;

  constructor(
    private readonly route: string,
    private readonly request: TracedRequest,
    private readonly traceId: string,
    private readonly parentId: string | undefined,
    private readonly exporter: SpanExporter,
  ) {}

  /** A part of the work. @param from, @param to in milliseconds of `performance.now()` */
  step(name: string, from: number, to: number): void {
    this.#steps.push({
      traceId: this.traceId,
      spanId: randomBytes(8).toString('hex'),
      parentId: this.#spanId,
      name,
      server: false,
      start: performance.timeOrigin + from,
      end: performance.timeOrigin + to,
      attributes: {},
      failed: false,
    });
  }

  /** @param status of the answer; undefined when the client left before it */
  end(status: number | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const { method, url, id } = this.request;
    this.exporter.add(...this.#steps, {
      traceId: this.traceId,
      spanId: this.#spanId,
      parentId: this.parentId,
      name: `${method} ${this.route}`,
      server: true,
      start: this.#start,
      end: now(),
      attributes: {
        'http.request.method': method,
        'http.route': this.route,
        'url.path': url.replace(/\?.*$/s, '').slice(0, 200),
        ...(status === undefined ? { 'error.type': 'client_left' } : { 'http.response.status_code': status }),
        'guardian.request_id': id,
      },
      failed: status === undefined || status >= 500,
    });
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function parentOf(header: unknown): { traceId: string; spanId: string; sampled: boolean } | undefined {
  const [, traceId = '', spanId = '', flags = ''] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(typeof header === 'string' ? header : '') ?? [];
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (parseInt(flags, 16) & 1) === 1 };
}
