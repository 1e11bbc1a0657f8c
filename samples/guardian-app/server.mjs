import { createServer } from 'node:http';
import { describeConfiguration, readConfiguration } from './configuration.mjs';
import { EndpointFailure, screenImage } from './screening.mjs';

const imageLimitBytes = 20 * 1024 * 1024;

const configuration = readConfiguration(process.env);

class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const routes = {
  'GET /healthz': () => ({ status: 'ok', configured: configuration.missing.length === 0 }),
  'GET /config': () => describeConfiguration(configuration),
  'POST /screen': async request => {
    if (configuration.missing.length > 0) {
      throw new RequestError(503, `not configured yet: ${configuration.missing.join(', ')} missing`);
    }
    const image = await readImage(request);
    return screenImage(configuration, image, request.headers['content-type'] ?? 'application/octet-stream');
  },
};

async function readImage(request) {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > imageLimitBytes) throw new RequestError(413, `an image may have ${imageLimitBytes} bytes at most`);
    parts.push(part);
  }
  if (bytes === 0) throw new RequestError(400, 'send the bytes of an image');
  return Buffer.concat(parts);
}

async function answer(request, response) {
  const path = request.url.split('?')[0];
  const route = routes[`${request.method} ${path}`];
  const send = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  };
  try {
    if (!route) throw new RequestError(404, `there is no ${request.method} ${path}`);
    send(200, await route(request));
  } catch (error) {
    const status = error instanceof RequestError ? error.status : error instanceof EndpointFailure ? 502 : 500;
    log(status === 500 ? 'error' : 'warn', error.message, { path, status });
    send(status, { error: status === 500 ? 'internal error' : error.message });
  }
}

function log(level, message, fields = {}) {
  console.log(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }));
}

const server = createServer((request, response) => void answer(request, response));
server.listen(Number(process.env.PORT ?? 8080), () => {
  log('info', 'listening', { port: server.address().port, missing: configuration.missing });
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    log('info', `${signal}: finishing what is under way`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
