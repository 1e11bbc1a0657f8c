import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ServerCertificate } from '../../certificates';
import { start, type Child } from '../../processes';

const startTimeoutMilliseconds = 30_000;

/**
 * What the child runs. Azurite's own main would leave its telemetry client in place, wait for idle connections when it ends, and not notice that
 * its parent is gone; this one saves its tables and ends on SIGTERM and when its standard input is closed.
 */
const azuriteProgram = `
  const { BlobServerFactory } = require(process.argv[1]);
  new BlobServerFactory().createServer().then(async server => {
    await server.start();
    let ending = false;
    const end = () => {
      if (ending) return;
      ending = true;
      server.close().then(() => process.exit(0), () => process.exit(1));
    };
    process.on('SIGTERM', end);
    process.stdin.resume().on('close', end);
    console.log('listening on ' + server.getHttpServerAddress());
  }).catch(error => { console.error(error.message); process.exit(1); });
`;

export interface StorageAccount {
  /** 3 to 24 lower-case letters and digits. */
  name: string;
  /** Base64, 64 bytes, as Azure gives them out. */
  key: string;
}

export interface RunningAzurite {
  /** `https://127.0.0.1:PORT/ACCOUNT` */
  url: string;
  stop(): Promise<void>;
}

export function newStorageAccount(): StorageAccount {
  return { name: `guardian${randomBytes(6).toString('hex')}`, key: randomBytes(64).toString('base64') };
}

/**
 * Starts Azurite's blob service over https as a child process. Its standard input is a pipe from this process, and it ends when that pipe does,
 * so that it does not outlive a parent that was killed.
 * @throws Error with Azurite's own last lines when it does not come up, for example because the port is taken.
 */
export async function startAzurite(o: {
  stateDir: string;
  /** 0 = any free port. */
  port: number;
  account: StorageAccount;
  certificate: ServerCertificate;
  log: (line: string) => void;
}): Promise<RunningAzurite> {
  const location = join(o.stateDir, 'azurite');
  await mkdir(location, { recursive: true });
  const certificateFile = join(location, 'server.pem');
  const keyFile = join(location, 'server-key.pem');
  await writeFile(certificateFile, o.certificate.cert);
  await writeFile(keyFile, o.certificate.key, { mode: 0o600 });

  const child = start(
    process.execPath,
    [
      ...['--eval', azuriteProgram],
      require.resolve('azurite/dist/src/blob/BlobServerFactory.js'),
      ...['--location', location],
      ...['--blobHost', '127.0.0.1', '--blobPort', String(o.port)],
      ...['--cert', certificateFile, '--key', keyFile],
      ...['--skipApiVersionCheck', '--disableProductStyleUrl', '--disableTelemetry', '--silent'],
    ],
    {
      cwd: location,
      // A small environment: Azurite reads AZURITE_* and APPLICATIONINSIGHTS_* variables that might lie around.
      env: { PATH: process.env.PATH, AZURITE_ACCOUNTS: `${o.account.name}:${o.account.key}` },
    },
  );
  try {
    const port = await listeningPort(child);
    child.stderr.on('data', (chunk: Buffer) => o.log(`Azurite: ${chunk.toString().trimEnd()}`));
    return { url: `https://127.0.0.1:${port}/${o.account.name}`, stop: () => child.kill() };
  } catch (error) {
    await child.kill(0);
    throw error;
  }
}

function listeningPort(child: Child): Promise<number> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(
        new Error(`Azurite (local blob storage) ${why}${said.length > 0 ? `: ${said.slice(-5).join(' | ')}` : ''}`),
      );
    };
    const timer = setTimeout(() => fail('did not start in time'), startTimeoutMilliseconds);
    const hear = (line: string): void => {
      said.push(line);
      const port = /^listening on https:\/\/[^\s]*:(\d+)/.exec(line)?.[1];
      if (port !== undefined) {
        clearTimeout(timer);
        resolve(Number(port));
      }
    };
    createInterface(child.stdout).on('line', hear);
    createInterface(child.stderr).on('line', hear);
    void child.exit.then(({ code }) => fail(`ended at once with exit code ${String(code)}`));
  });
}
