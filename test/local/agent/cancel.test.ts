import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { RunTaskOptions, TaskRun } from '../../../local/agent/run-task';
import { TaskFixture } from './task-fixture';

const quick = [
  { name: 'PROCESS_SIGINT_TIMEOUT', value: '300' },
  { name: 'PROCESS_SIGTERM_TIMEOUT', value: '300' },
];

/** A process that has ended but was not waited for does not count. */
function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

function grandchildrenOf(run: TaskRun): number[] {
  return run.lines.flatMap(line => /^grandchild (\d+)$/.exec(line)?.[1] ?? []).map(Number);
}

describe('a step that is ended before its time', () => {
  let fixture: TaskFixture;
  before(() => (fixture = new TaskFixture()));
  after(() => fixture.dispose());

  /** Cancels the task as soon as it says that it is ready. */
  const cancel = (inputs: Record<string, string>, change: Partial<RunTaskOptions> = {}): Promise<TaskRun> => {
    const abort = new AbortController();
    return fixture.run('Wait', inputs, {
      signal: abort.signal,
      onLine: line => {
        if (line === 'ready') abort.abort();
      },
      ...change,
    });
  };

  it('gets SIGINT, and what it prints then still counts', async () => {
    const run = await cancel({ onInterrupt: 'graceful' });
    assert.equal(run.result, 'Canceled');
    assert.ok(run.lines.includes('undone after SIGINT'));
    assert.equal(run.variables['undone'], 'yes');
  });

  it('ends at once without a handler', async () => {
    const run = await cancel({});
    assert.equal(run.result, 'Canceled');
    assert.equal(run.exitCode, null);
  });

  it('gets SIGTERM and is killed when it ignores both', async () => {
    const run = await cancel({ onInterrupt: 'stubborn' }, { variables: quick });
    assert.equal(run.result, 'Canceled');
    assert.deepEqual(
      run.lines.filter(line => line.startsWith('ignores')),
      ['ignores SIGINT', 'ignores SIGTERM'],
    );
  });

  it('leaves no process, also none that left its group', async () => {
    const run = await cancel({ onInterrupt: 'stubborn', grandchild: 'true' }, { variables: quick });
    const pids = grandchildrenOf(run);
    assert.equal(pids.length, 2);
    assert.deepEqual(pids.filter(isRunning), []);
  });

  it('leaves no process when it ended well either', async () => {
    const run = await fixture.run('Wait', { grandchild: 'true', end: 'true' });
    assert.equal(run.result, 'Succeeded');
    const pids = grandchildrenOf(run);
    assert.equal(pids.length, 2);
    assert.deepEqual(pids.filter(isRunning), []);
  });

  it('fails when its own time is over, whatever it reported', async () => {
    const run = await fixture.run('Wait', { onInterrupt: 'graceful' }, { timeoutMs: 400 });
    assert.equal(run.result, 'Failed');
    assert.match(run.issues.map(issue => issue.message).join('\n'), /timed out/);
  });

  it('is not started when the run was cancelled before', async () => {
    const run = await fixture.run('Wait', { end: 'true' }, { signal: AbortSignal.abort() });
    assert.equal(run.result, 'Canceled');
    assert.ok(!run.lines.includes('ready'));
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`has its process group killed when the runner itself ends by ${signal}`, async () => {
      const folder = mkdtempSync(join(fixture.folder, 'killed-'));
      const runner = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'run-wait.ts'), folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      await new Promise<void>(resolve =>
        runner.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output.includes('ready')) resolve();
        }),
      );
      // The first of the two stays in the group; nothing but a runner that ends in order finds the second.
      const [inGroup, outside] = [...output.matchAll(/grandchild (\d+)/g)].map(match => Number(match[1]));
      assert.ok(inGroup !== undefined && outside !== undefined);
      try {
        runner.kill(signal);
        await new Promise(resolve => runner.once('exit', resolve));
        while (isRunning(inGroup)) await new Promise(resolve => setTimeout(resolve, 20));
      } finally {
        process.kill(outside, 'SIGKILL');
      }
    });
  }
});
