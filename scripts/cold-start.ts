import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

/**
 * Median wall time, in milliseconds, of three launches of a task bundle without inputs: the time from process start
 * until the task has loaded everything, read its inputs and refused them.
 */
export async function coldStartMilliseconds(bundle: string, node = process.execPath): Promise<number> {
  const temp = mkdtempSync(join(tmpdir(), 'guardian-cold-start-'));
  try {
    const times: number[] = [];
    for (let run = 0; run < 3; run++) {
      const before = performance.now();
      await new Promise<void>((resolve, reject) => {
        const child = spawn(node, [bundle], {
          cwd: temp,
          env: { AGENT_TEMPDIRECTORY: temp, PATH: process.env['PATH'] },
          stdio: 'ignore',
        });
        child.once('error', reject);
        child.once('exit', () => resolve());
      });
      times.push(performance.now() - before);
    }
    return Math.round(times.sort((a, b) => a - b)[1] ?? 0);
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}
