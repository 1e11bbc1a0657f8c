import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { start, type Child } from '../../../local/processes';

const env = { PATH: process.env.PATH };

async function firstLine(child: Child): Promise<string> {
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return chunk.toString().trim();
}

/** Whether a process runs; one that has ended and waits for its parent to notice does not. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (runs(pid)) await new Promise(resolve => setTimeout(resolve, 20));
}

describe('child processes', () => {
  it('give exit code, output and only the environment that they were given', async () => {
    process.env.NOT_FOR_CHILDREN = 'secret';
    try {
      const child = start('bash', ['-c', 'echo "got [$NOT_FOR_CHILDREN]"; exit 3'], { env });
      const line = firstLine(child);
      assert.deepEqual(await child.exit, { code: 3, signal: null });
      assert.equal(await line, 'got []');
    } finally {
      delete process.env.NOT_FOR_CHILDREN;
    }
  });

  it('name a program that cannot be started', () => {
    assert.throws(() => start('no-such-program', [], { env }), /Could not start no-such-program/);
  });

  it('end with everything that they started, even what ignores SIGTERM', async () => {
    const child = start('bash', ['-c', `trap '' TERM; sleep 600 & echo $!; wait; wait`], { env });
    const grandchild = Number(await firstLine(child));
    assert.equal(runs(grandchild), true);
    await child.kill(200);
    assert.equal(runs(child.pid), false);
    assert.equal(runs(grandchild), false);
    assert.equal((await child.exit).signal, 'SIGKILL');
    await child.kill();
  });

  it('take along what the leader left behind, when asked to', async () => {
    const child = start('bash', ['-c', 'sleep 600 & echo $!; exit 5'], { env, endWithParent: true });
    const grandchild = Number(await firstLine(child));
    assert.equal((await child.exit).code, 5);
    await untilGone(grandchild);
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`do not outlive this process when it gets ${signal}`, async () => {
      const program = `
        const { start } = require(${JSON.stringify(join(process.cwd(), 'local', 'processes.ts'))});
        const child = start('sleep', ['600'], { env: { PATH: process.env.PATH }, endWithParent: true });
        process.on('SIGTERM', () => process.exit(0));
        console.log(child.pid);`;
      const parent = start(process.execPath, ['--require', 'tsx/cjs', '--eval', program], { env });
      const pid = Number(await firstLine(parent));
      assert.equal(runs(pid), true);
      process.kill(parent.pid, signal);
      await parent.exit;
      await untilGone(pid);
    });
  }
});
