import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/product';
import { isListening, processesUnder } from '../support/leftovers';

/** Starts the demo, sends SIGINT when its output first matches, and resolves when it has ended. */
function interruptAt(pattern: RegExp, workDir: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const demo = spawn(process.execPath, ['--import', 'tsx', 'local/demo.ts', '--work-dir', workDir], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let interrupted = false;
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!interrupted && pattern.test(output)) {
        interrupted = true;
        demo.kill('SIGINT');
      }
    };
    demo.stdout.on('data', read);
    demo.stderr.on('data', read);
    demo.once('error', reject);
    demo.once('close', code =>
      interrupted ? resolve({ code, output }) : reject(new Error(`ended before ${String(pattern)}:\n${output}`)),
    );
  });
}

describe('Ctrl-C leaves nothing running', function () {
  this.timeout(10 * 60_000);

  const moments: Record<string, RegExp> = {
    'while local Azure starts': /DeployOnlineEndpoint/,
    'while a training job runs': /epoch/i,
    'while a deployment is made': /Deployment pipeline: champions[^]*instance/,
  };
  for (const [moment, pattern] of Object.entries(moments)) {
    it(moment, async () => {
      const workDir = mkdtempSync(join(tmpdir(), 'guardian-interrupt-'));
      try {
        const { code, output } = await interruptAt(pattern, workDir);
        assert.equal(code, 130, output);
        assert.match(output, /nothing keeps running/i);
        assert.deepEqual(processesUnder(workDir), []);
        for (const [, port] of output.matchAll(/https:\/\/127\.0\.0\.1:(\d+)/g))
          assert.equal(await isListening(Number(port)), false, `port ${port}`);
      } finally {
        rmSync(workDir, { recursive: true, force: true });
      }
    });
  }
});
