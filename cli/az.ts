import { execFile } from 'node:child_process';
import type { Surroundings } from './connection';

/** Runs the Azure CLI and reads its JSON. @throws Error with what az said, or what to do where there is none */
export function az(args: readonly string[], { env }: Surroundings): Promise<unknown> {
  return new Promise((resolve, reject) => {
    execFile('az', [...args, '--output', 'json'], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (!error) {
        resolve(JSON.parse(stdout) as unknown);
        return;
      }
      const said = stderr.trim().replace(/^ERROR: /, '');
      reject(
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? new Error(
              'There is no login to use: the Azure CLI (az) is not installed. Install it and run az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET for a service principal.',
            )
          : new Error(`az ${args.join(' ')} failed: ${said || error.message}`),
      );
    });
  });
}
