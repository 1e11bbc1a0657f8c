import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ServerCertificate } from '../../certificates';
import { isRunning, start, type Child } from '../../processes';

const startTimeoutMilliseconds = 30_000;

/** Begins the User-Agent of this cloud's own blob requests. */
export const ownUserAgent = 'local-azure';

export interface StorageAccount {
  /** 3 to 24 lower-case letters and digits. */
  name: string;
  /** Base64, 64 bytes, as Azure gives them out. */
  key: string;
}

export interface RunningAzurite {
  /** `https://127.0.0.1:PORT/ACCOUNT`, once it listens. Rejects with Azurite's own last lines when it does not come up, for example because the port is taken. */
  url: Promise<string>;
  /** What its gate is asked and told from now on. */
  watch(what: { faults: boolean; log: boolean }): void;
  stop(): Promise<void>;
}

/** What the blob service's process asks this one. */
export interface BlobGate {
  /** Why a bearer token is refused (401, with that WWW-Authenticate header), whether it has no permission for that method (403), or neither. */
  checkToken(token: string, method: string): Promise<{ refused?: string; challenge?: string; forbidden?: true }>;
  /** What is to happen to a request; asked only while faults are watched for. */
  decide(method: string, url: string): BlobVerdict;
  /** A request that has been answered; told only while the log is watched for. */
  answered(request: AnsweredBlobRequest): void;
}

/** A fault for one blob request; nothing of it set = none. */
export interface BlobVerdict {
  /** Names for the request log. */
  fault?: string;
  /** Milliseconds to wait first. */
  slow?: number;
  reset?: true;
  answer?: { status: number; headers: Record<string, string>; body: string };
  /** With `reset` or `answer`: the request is carried out first. */
  handled?: boolean;
  /** Bytes of the body that still reach the client. */
  truncate?: number;
}

export interface AnsweredBlobRequest {
  time: string;
  method: string;
  url: string;
  headers: Record<string, string>;
  status: number;
  milliseconds: number;
  bytesOut: number | null;
  requestId?: string;
  fault?: string;
}

type Message =
  | { type: 'listening'; url: string }
  | { type: 'token'; id: number; token: string; method: string }
  | { type: 'request'; id: number; method: string; url: string }
  | ({ type: 'answered' } & AnsweredBlobRequest);

export function newStorageAccount(): StorageAccount {
  return { name: `guardian${randomBytes(6).toString('hex')}`, key: randomBytes(64).toString('base64') };
}

/**
 * Starts Azurite's blob service over https as a child process (azurite-server.mjs). Its standard input is a pipe from this process, and it ends when
 * that pipe does, so that it does not outlive a parent that was killed. What it has answered survives its own kill.
 * Resolves as soon as the process has been started; `url` tells when it listens.
 */
export async function startAzurite(o: {
  stateDir: string;
  /** 0 = any free port. */
  port: number;
  account: StorageAccount;
  certificate: ServerCertificate;
  gate: BlobGate;
  log: (line: string) => void;
}): Promise<RunningAzurite> {
  const location = join(o.stateDir, 'azurite');
  await mkdir(location, { recursive: true });
  const certificateFile = join(location, 'server.pem');
  const keyFile = join(location, 'server-key.pem');
  await writeFile(certificateFile, o.certificate.cert);
  await writeFile(keyFile, o.certificate.key, { mode: 0o600 });
  await endLeftover(location);

  const settings = {
    azurite: dirname(dirname(require.resolve('azurite/dist/src/blob/BlobServer.js'))),
    location,
    host: '127.0.0.1',
    port: o.port,
    cert: certificateFile,
    key: keyFile,
    ownAgent: ownUserAgent,
  };
  const child = start(process.execPath, [join(__dirname, 'azurite-server.mjs'), JSON.stringify(settings)], {
    cwd: location,
    // A small environment: Azurite reads AZURITE_* and APPLICATIONINSIGHTS_* variables that might lie around.
    env: { PATH: process.env.PATH, AZURITE_ACCOUNTS: `${o.account.name}:${o.account.key}` },
  });
  await writeFile(join(location, 'pid'), String(child.pid));
  const url = talk(child, o.gate, o.log).then(address => `${address}/${o.account.name}`);
  // Whoever waits for it meets the failure.
  url.catch(() => undefined);
  return {
    url,
    watch: what => child.stdin.write(`${JSON.stringify({ watch: what })}\n`),
    stop: () => child.kill(),
  };
}

/** One that a killed parent left on this folder ends by itself within moments; two at once would write into each other's files. */
async function endLeftover(location: string): Promise<void> {
  const pid = Number(await readFile(join(location, 'pid'), 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0 || !isRunning(pid)) return;
  // A process that has ended but was not waited for by its new parent has no command line any more.
  const isOurs = async (): Promise<boolean> => {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return command.includes('azurite-server.mjs') && command.includes(location);
  };
  if (!(await isOurs())) return;
  process.kill(pid, 'SIGKILL');
  while (await isOurs()) await new Promise(resolve => setTimeout(resolve, 10));
}

/** Answers the child's questions, and gives the URL at which it listens. */
function talk(child: Child, gate: BlobGate, log: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(
        new Error(`Azurite (local blob storage) ${why}${said.length > 0 ? `: ${said.slice(-5).join(' | ')}` : ''}`),
      );
    };
    const timer = setTimeout(() => fail('did not start in time'), startTimeoutMilliseconds);
    const reply = (id: number, answer: object): boolean => child.stdin.write(`${JSON.stringify({ ...answer, id })}\n`);
    createInterface(child.stdout).on('line', line => {
      const message = parsed(line);
      switch (message?.type) {
        case 'listening':
          clearTimeout(timer);
          child.stderr.on('data', (chunk: Buffer) => log(`Azurite: ${chunk.toString().trimEnd()}`));
          resolve(message.url);
          break;
        case 'token': {
          const { id, token, method } = message;
          void gate.checkToken(token, method).then(
            answer => reply(id, answer),
            (error: unknown) => reply(id, { refused: String(error) }),
          );
          break;
        }
        case 'request':
          reply(message.id, gate.decide(message.method, message.url));
          break;
        case 'answered':
          gate.answered(message);
          break;
        case undefined:
          said.push(line);
      }
    });
    createInterface(child.stderr).on('line', line => said.push(line));
    void child.exit.then(({ code }) => fail(`ended at once with exit code ${String(code)}`));
  });
}

/** A line of the protocol; undefined for anything else that Azurite prints. */
function parsed(line: string): Message | undefined {
  try {
    return JSON.parse(line) as Message;
  } catch {
    return undefined;
  }
}
