import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { plain } from './support/pictures';
import { modelFolder, Runtime, runToEnd } from './support/runtime';

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string;
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: { key: string; value: Value }[];
  readonly status: { code?: number };
}

interface Export {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: { key: string; value: Value }[] };
    readonly scopeSpans: { readonly spans: Span[] }[];
  }[];
}

/** A collector that notes what it gets. */
class Collector {
  readonly received: { path: string; headers: IncomingHttpHeaders; body: Export }[] = [];
  private constructor(private readonly server: Server) {}

  static async start(status = 200): Promise<Collector> {
    const server = createServer((request, response) => {
      void json(request).then(body => {
        collector.received.push({ path: request.url ?? '', headers: request.headers, body: body as Export });
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      });
    });
    const collector = new Collector(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get spans(): Span[] {
    return this.received.flatMap(({ body }) =>
      body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans[0]?.spans ?? []),
    );
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

describe('traces', () => {
  let collector: Collector;
  let runtime: Runtime | undefined;
  afterEach(async () => {
    await runtime?.stop();
    await collector.stop();
  });

  async function start(settings: Record<string, string> = {}): Promise<Runtime> {
    return (runtime = await Runtime.ready(modelFolder('colour'), {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      GUARDIAN_DRAIN_DELAY_MS: '0',
      ...settings,
    }));
  }

  /** What is waiting leaves before the server ends. */
  async function end(server: Runtime): Promise<void> {
    server.signal('SIGTERM');
    assert.equal(await server.exit(), 0);
  }

  const attribute = (span: Span | undefined, key: string): Value | undefined =>
    span?.attributes.find(one => one.key === key)?.value;

  it("have a span for a request below its caller's, and its steps below that", async () => {
    collector = await Collector.start();
    const server = await start({
      OTEL_SERVICE_NAME: 'nsfw',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=prod%20eu,team=a',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc',
    });
    const headers = { traceparent: `00-${trace}-${parent}-01`, 'x-request-id': 'r-1' };
    assert.equal((await server.score(await plain('red'), 'image/png', headers)).status, 200);
    await end(server);

    const [post] = collector.received;
    assert.equal(post?.path, '/v1/traces');
    assert.equal(post.headers.authorization, 'Bearer abc');
    assert.deepEqual(
      Object.fromEntries(
        post.body.resourceSpans[0]?.resource.attributes.map(({ key, value }) => [key, value.stringValue]) ?? [],
      ),
      { 'service.name': 'nsfw', 'deployment.environment': 'prod eu', team: 'a' },
    );
    const request = collector.spans.find(({ kind }) => kind === 2);
    assert.equal(request?.name, 'POST /score');
    assert.deepEqual([request.traceId, request.parentSpanId], [trace, parent]);
    assert.deepEqual(attribute(request, 'http.response.status_code'), { intValue: '200' });
    assert.deepEqual(attribute(request, 'guardian.request_id'), { stringValue: 'r-1' });
    const steps = collector.spans.filter(span => span !== request);
    assert.deepEqual(steps.map(({ name }) => name).sort(), ['decode', 'predict']);
    for (const step of steps) {
      assert.deepEqual([step.traceId, step.parentSpanId], [trace, request.spanId]);
      assert.ok(BigInt(step.startTimeUnixNano) >= BigInt(request.startTimeUnixNano));
      assert.ok(BigInt(step.endTimeUnixNano) <= BigInt(request.endTimeUnixNano));
    }
    assert.ok(Math.abs(Number(request.startTimeUnixNano) / 1e6 - Date.now()) < 3_600_000);
  });

  it("begin here without a caller's, leave out what the caller does not record, and mark what the server did wrong", async () => {
    collector = await Collector.start();
    const server = await start();
    await server.score(await plain('red'), 'image/png', { traceparent: `00-${trace}-${parent}-00` });
    await server.score(await plain('red'), 'image/png', { traceparent: 'nonsense' });
    await server.score(Buffer.from('x'), 'image/png');
    await server.get('/live');
    await end(server);
    const requests = collector.spans.filter(({ kind }) => kind === 2);
    assert.equal(requests.length, 2);
    for (const request of requests) {
      assert.match(request.traceId, /^[0-9a-f]{32}$/);
      assert.equal(request.parentSpanId, undefined);
      assert.deepEqual(request.status, {});
    }
    assert.deepEqual(requests.map(one => attribute(one, 'http.response.status_code')?.intValue).sort(), ['200', '400']);
  });

  it('are recorded for the share that OTEL_TRACES_SAMPLER asks for', async () => {
    collector = await Collector.start();
    const server = await start({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' });
    // By its last digits, one trace is in the lower half and one is not.
    for (const digit of ['0', 'f'])
      await server.score(await plain('red'), 'image/png', {
        traceparent: `00-${trace.slice(0, 18)}${digit.repeat(14)}-${parent}-00`,
      });
    await end(server);
    assert.deepEqual(
      collector.spans.filter(({ kind }) => kind === 2).map(({ traceId }) => traceId.slice(-1)),
      ['0'],
    );
  });

  it('that nobody takes cost no answer, are counted, and told once', async () => {
    collector = await Collector.start(503);
    const server = await start();
    assert.equal((await server.score(await plain('red'), 'image/png')).status, 200);
    await end(server);
    assert.match(JSON.stringify(await server.line(/does not take spans/)), /answers 503/);
  });

  it('are told what is wrong with their settings', async () => {
    collector = await Collector.start();
    const { stderr } = runToEnd({
      AZUREML_MODEL_DIR: modelFolder('colour'),
      OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_SAMPLER: 'sometimes',
      OTEL_TRACES_SAMPLER_ARG: '2',
    });
    for (const expected of [
      /OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https address, but is 'collector:4317'/,
      /OTEL_EXPORTER_OTLP_PROTOCOL must be .* but is 'grpc'/,
      /OTEL_TRACES_SAMPLER must be one of .*parentbased_always_on/,
      /OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1/,
    ])
      assert.match(stderr, expected);
  });
});
