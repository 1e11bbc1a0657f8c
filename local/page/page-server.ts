import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { configPage } from './config-page';
import { endpointPage, endpointsPage } from './endpoint-pages';
import { html } from './html';
import { jobPage, jobsPage } from './job-pages';
import { readLog, wholeLog } from './job-logs';
import { document, type PageContent } from './layout';
import { modelPage, modelsPage, modelVersionPage } from './model-pages';
import { computesPage, overviewPage, requestsPage } from './overview-page';
import type { PageParts } from './page-parts';

export interface RunningPage {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  stop(): Promise<void>;
}

/** Nothing is loaded from elsewhere, nothing that stands in the markup runs, and no other page may frame this one. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

interface Query {
  Querystring: Record<string, string | string[] | undefined>;
}

/**
 * The web page of local Azure on 127.0.0.1: it reads what is there and changes nothing. It has a server of its own, over http, so that a browser
 * needs no certificate and its requests are neither logged nor given faults.
 * @param port 0 = any free one @throws Error when the port is taken
 */
export async function startPage(parts: PageParts, port: number): Promise<RunningPage> {
  const app = fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 2048 } });
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(headers);
    // A name that points to this machine only since a moment ago (DNS rebinding) is somebody else's.
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    if (host === '127.0.0.1' || host === 'localhost') done();
    else void reply.code(403).type('text/plain').send('This page is for 127.0.0.1 only.\n');
  });
  registerFiles(app);
  registerPages(app, parts);
  app.setNotFoundHandler((request, reply) =>
    request.method === 'GET' || request.method === 'HEAD'
      ? send(request, reply, undefined, parts)
      : reply.code(405).header('allow', 'GET, HEAD').type('text/plain').send('This page can only be read.\n'),
  );
  app.setErrorHandler((error, _request, reply) =>
    reply
      .code(500)
      .type('text/plain')
      .send(`${error instanceof Error ? error.message : String(error)}\n`),
  );
  await app.listen({ host: '127.0.0.1', port });
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, stop: () => app.close() };
}

function registerFiles(app: FastifyInstance): void {
  for (const [name, type] of [
    ['page.css', 'text/css'],
    ['page.js', 'text/javascript'],
    ['icon.svg', 'image/svg+xml'],
  ] as const) {
    const content = readFileSync(join(__dirname, name));
    app.get(`/${name}`, (_request, reply) => reply.type(`${type}; charset=utf-8`).send(content));
  }
}

function registerPages(app: FastifyInstance, parts: PageParts): void {
  const page = (path: string, make: (query: Query['Querystring']) => PageContent): void => {
    app.get<Query>(path, (request, reply) => send(request, reply, make(request.query), parts));
  };
  page('/', () => overviewPage(parts));
  page('/jobs', query => jobsPage(parts, wholeNumber(query.before)));
  page('/models', query => modelsPage(parts, text(query.after) ?? ''));
  page('/endpoints', query => endpointsPage(parts, text(query.after) ?? ''));
  page('/config', query => configPage(parts, text(query.namespace)));
  page('/computes', () => computesPage(parts));
  page('/requests', () => requestsPage(parts));
  app.get<Query & { Params: { name: string } }>('/jobs/:name', async (request, reply) => {
    const isUpdate = request.headers['x-update'] !== undefined;
    return send(request, reply, await jobPage(parts, request.params.name, text(request.query.log), isUpdate), parts);
  });
  app.get<Query & { Params: { name: string } }>('/jobs/:name/log', async (request, reply) => {
    const { path, from, whole } = request.query;
    const { name } = request.params;
    void reply.type('text/plain; charset=utf-8');
    const part = await readLog(parts.blobs, name, text(path) ?? '', wholeNumber(from));
    if (!part) return reply.code(404).send('There is no such log.\n');
    if (whole !== undefined) return reply.send(await wholeLog(parts.blobs, name, text(path) ?? ''));
    return reply.header('x-next', part.next).send(part.bytes);
  });
  app.get<Query & { Params: { name: string } }>('/models/:name', (request, reply) =>
    send(request, reply, modelPage(parts, request.params.name, wholeNumber(request.query.before)), parts),
  );
  app.get<{ Params: { name: string; version: string } }>('/models/:name/:version', (request, reply) =>
    send(request, reply, modelVersionPage(parts, request.params.name, request.params.version), parts),
  );
  app.get<{ Params: { name: string } }>('/endpoints/:name', async (request, reply) =>
    send(request, reply, await endpointPage(parts, request.params.name), parts),
  );
}

/** Sends the page, or 304 when the browser has it as it is; without a page, 404. */
function send(
  request: FastifyRequest,
  reply: FastifyReply,
  page: PageContent | undefined,
  parts: PageParts,
): FastifyReply {
  const text = document(page ?? missing, parts.description);
  const tag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
  void reply.header('etag', tag).type('text/html; charset=utf-8');
  if (page && request.headers['if-none-match'] === tag) return reply.code(304).send();
  return reply.code(page ? 200 : 404).send(text);
}

const missing: PageContent = {
  title: 'Not found',
  section: '',
  content: html`<h1>Not found</h1>
    <p>There is nothing of that name. It may have been deleted.</p>`,
};

function text(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function wholeNumber(value: string | string[] | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
