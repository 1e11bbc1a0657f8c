import { createRequire } from 'node:module';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers';
import { keepJournal } from './azurite-journal.mjs';

/*
 * The program of the blob service's process: Azurite's own server with three things added. Changes are durable before they are answered
 * (azurite-journal.mjs); bearer tokens are checked by the directory instead of only decoded; and requests can be watched and disturbed
 * (local/azure/faults). It talks with its parent in lines of JSON over standard input and output, and ends when the parent does.
 *
 * Arguments: one JSON object {azurite (folder of its modules), location, host, port, cert, key, ownAgent (start of the
 * User-Agent of this cloud's own requests, which are neither watched nor disturbed)}. AZURITE_ACCOUNTS holds name and key.
 */
const require = createRequire(import.meta.url);
const settings = JSON.parse(process.argv[2]);
const azurite = path => require(join(settings.azurite, path));

// Azurite loads its telemetry client even where telemetry is off, which takes a third of its start.
const telemetry = require.resolve('applicationinsights', { paths: [settings.azurite] });
require.cache[telemetry] = { id: telemetry, filename: telemetry, loaded: true, exports: {} };

const waiting = new Map();
let asked = 0;
/** What the parent wants to know: `faults` = ask before each request, `log` = tell about each. */
let watch = { faults: false, log: false };
const tell = message => process.stdout.write(`${JSON.stringify(message)}\n`);
const ask = question =>
  new Promise(answered => {
    asked += 1;
    waiting.set(asked, answered);
    tell({ ...question, id: asked });
  });
// No orderly end is needed: everything that was answered is on disk.
createInterface(process.stdin)
  .on('line', line => {
    const message = JSON.parse(line);
    if (message.watch) watch = message.watch;
    else {
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    }
  })
  .on('close', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));

const { default: BlobTokenAuthenticator } = azurite('blob/authentication/BlobTokenAuthenticator.js');
const { default: StorageError } = azurite('blob/errors/StorageError.js');
const { default: StorageErrorFactory } = azurite('blob/errors/StorageErrorFactory.js');
const methods = new WeakMap();
const { validate } = BlobTokenAuthenticator.prototype;
BlobTokenAuthenticator.prototype.validate = function (request, context) {
  methods.set(context, request.getMethod());
  return validate.call(this, request, context);
};
BlobTokenAuthenticator.prototype.authenticateBasic = async (token, context) => {
  const { refused, forbidden, challenge } = await ask({ type: 'token', token, method: methods.get(context) });
  if (refused) {
    // The real service's answer to a bearer token that is no good; Azurite has none of its own.
    const text =
      'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.';
    const details = { AuthenticationErrorDetail: refused };
    const error = new StorageError(401, 'InvalidAuthenticationInfo', text, context.contextId, details);
    error.headers['www-authenticate'] = challenge;
    throw error;
  }
  if (forbidden) throw StorageErrorFactory.getAuthorizationPermissionMismatch(context.contextId);
  return true;
};

const { default: BlobConfiguration } = azurite('blob/BlobConfiguration.js');
const { default: BlobServer } = azurite('blob/BlobServer.js');
const database = join(settings.location, '__azurite_db_blob__.json');
const extents = join(settings.location, '__azurite_db_blob_extent__.json');
const storage = [
  { locationId: 'Default', locationPath: join(settings.location, '__blobstorage__'), maxConcurrency: 50 },
];
const server = new BlobServer(
  new BlobConfiguration(
    ...[settings.host, settings.port, undefined, database, extents, storage],
    ...[false, undefined, false, undefined, false, true],
    ...[settings.cert, settings.key, '', 'basic', false, false],
  ),
);
for (const [store, file] of [
  [server.metadataStore, database],
  [server.extentMetadataStore, extents],
]) {
  const init = store.init.bind(store);
  store.init = async () => {
    await init();
    await keepJournal(store.db, file);
  };
}

const [handle] = server.httpServer.listeners('request');
server.httpServer.removeAllListeners('request');
server.httpServer.on('request', (request, response) => {
  const ours = request.headers['user-agent']?.startsWith(settings.ownAgent);
  if (ours || (!watch.faults && !watch.log)) handle(request, response);
  else {
    disturbed(request, response).catch(error => {
      console.error(error.stack);
      response.destroy();
    });
  }
});

/** Handles a request with the fault that the parent wants, and tells what became of it. */
async function disturbed(request, response) {
  const { method, url, headers } = request;
  const time = new Date().toISOString();
  const started = performance.now();
  const verdict = watch.faults ? await ask({ type: 'request', method, url }) : {};
  if (watch.log) {
    response.once('close', () => {
      const status = response.headersSent ? response.statusCode : 0;
      const bytesOut = Number(response.getHeader('content-length'));
      const milliseconds = Math.round((performance.now() - started) * 10) / 10;
      const requestId = response.getHeader('x-ms-request-id');
      tell({
        type: 'answered',
        time,
        method,
        url,
        headers,
        status,
        milliseconds,
        bytesOut,
        requestId,
        fault: verdict.fault,
      });
    });
  }
  if (verdict.slow) await new Promise(resolve => setTimeout(resolve, verdict.slow));
  if (verdict.reset && !verdict.handled) return request.socket.destroy();
  if (verdict.answer && !verdict.handled) {
    return response.writeHead(verdict.answer.status, verdict.answer.headers).end(verdict.answer.body);
  }
  if (verdict.reset || verdict.answer) replaceAnswer(response, verdict);
  if (verdict.truncate !== undefined) truncate(response, verdict.truncate);
  handle(request, response);
}

/** Lets the request be carried out and gives the client something else. */
function replaceAnswer(response, { reset, answer }) {
  const end = response.end.bind(response);
  response.write = () => true;
  response.end = () => {
    if (reset) response.socket.destroy();
    else {
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      response.writeHead(answer.status, answer.headers);
      end(answer.body);
    }
    return response;
  };
}

/** Ends the connection after that many bytes of the body. */
function truncate(response, bytes) {
  const write = response.write.bind(response);
  let left = bytes;
  const part = (chunk, ...rest) => {
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      const content = Buffer.from(chunk);
      write(content.subarray(0, left), () => left <= 0 && response.socket?.destroy());
      left -= content.length;
    }
    const done = rest.find(one => typeof one === 'function');
    done?.();
    return true;
  };
  response.write = part;
  response.end = (chunk, ...rest) => {
    part(chunk, ...rest);
    setImmediate(() => response.socket?.destroy());
    return response;
  };
}

try {
  await server.start();
  tell({ type: 'listening', url: server.getHttpServerAddress() });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
