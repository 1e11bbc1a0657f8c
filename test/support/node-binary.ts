import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/product';

/** The versions that Azure Pipelines agents bring for the Node20_1 and Node24 handlers. */
export const agentNodes = { 20: '20.20.2', 24: '24.21.0' } as const;

/** Path of a Node.js binary of the given major version: the one that runs, or else the npm package `node`, kept in .local/cache. */
export function nodeBinary(major: keyof typeof agentNodes): string {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = join(root, '.local/cache', `node-${agentNodes[major]}`);
  const binary = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    // The package copies its binary in place in an install script, which newer npm versions run only when allowed.
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, allowScripts: { node: true } }));
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-save', `node@${agentNodes[major]}`], {
      cwd: folder,
      stdio: 'pipe',
    });
  }
  return binary;
}
