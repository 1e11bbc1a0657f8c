import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../../local/processes';
import type { TestCloud } from './local-cloud';
import { sdkEnvironment } from './python-packages';

/** Runs a script of the tests with the official SDK against a cloud, as `script INFO FILE...`, and expects it to end well. */
export async function runSdk(
  { cloud, folder }: TestCloud,
  python: string,
  script: string,
  files: string[],
): Promise<void> {
  const info = join(folder, 'info.json');
  writeFileSync(info, JSON.stringify(cloud.description));
  const child = start(python, ['-B', script, info, ...files], {
    cwd: folder,
    env: sdkEnvironment(cloud.description, folder),
  });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const { code } = await child.exit;
  assert.equal(code, 0, Buffer.concat(output).toString().slice(-3000));
}
