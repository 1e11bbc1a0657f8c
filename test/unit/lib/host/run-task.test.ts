import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const lib = resolve(__dirname, '../../../../lib');

interface Ended {
  exitCode: number | null;
  lines: string[];
}

describe('runTask', function () {
  this.timeout(20_000);
  let temp: string;
  before(() => (temp = mkdtempSync(join(tmpdir(), 'guardian-run-task-'))));
  after(() => rmSync(temp, { recursive: true, force: true }));

  /** Runs a task with this body as the agent does; `interruptAt` is the line after which it is cancelled. */
  const run = (body: string, { interruptAt }: { interruptAt?: string } = {}): Promise<Ended> => {
    const script = `
      const { runTask } = require('${lib}/host/run-task.ts');
      const { TaskError } = require('${lib}/task-error.ts');
      runTask(async host => { ${body} });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], {
      env: { PATH: process.env['PATH'], AGENT_TEMPDIRECTORY: temp },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (interruptAt !== undefined && text.includes(interruptAt)) {
        interruptAt = undefined;
        child.kill('SIGINT');
      }
    });
    return new Promise(done =>
      child.on('close', exitCode =>
        done({
          exitCode,
          lines: text.split('\n').filter(line => line !== '' && !line.startsWith('##vso[task.debug]')),
        }),
      ),
    );
  };

  it('reports success with its message', async () => {
    const { exitCode, lines } = await run(`host.info('working'); return { result: 'succeeded', message: 'done' };`);
    assert.deepEqual(lines, ['working', '##vso[task.complete result=Succeeded;]done']);
    assert.equal(exitCode, 0);
  });

  it('reports an explained failure as one error with its code, without a stack', async () => {
    const { exitCode, lines } = await run(
      `throw new TaskError('Could not x.\\nTry y.', { code: 'GuardianNotFound' });`,
    );
    assert.deepEqual(lines, [
      '##vso[task.logissue type=error;code=GuardianNotFound;]Could not x.%0ATry y.',
      '##vso[task.complete result=Failed;]Could not x.%0ATry y.',
    ]);
    assert.equal(exitCode, 1);
  });

  it('reports a defect as one, without a stack', async () => {
    const { exitCode, lines } = await run(`throw new RangeError('index 7');`);
    assert.equal(lines.filter(line => line.includes('task.logissue')).length, 1);
    assert.match(lines[0]!, /code=GuardianDefect.*defect of its own: index 7/);
    assert.doesNotMatch(lines.join('\n'), / at .*run-task/);
    assert.equal(exitCode, 1);
  });

  it('ends with a failure when an error escapes in the background', async () => {
    const { exitCode, lines } = await run(
      `setInterval(() => undefined, 1000); setTimeout(() => { throw new Error('escaped'); }, 1); await new Promise(() => undefined);`,
    );
    assert.ok(
      lines.some(line => line.startsWith('##vso[task.complete result=Failed;]')),
      lines.join('\n'),
    );
    assert.equal(exitCode, 1);
  });

  it('lets no text of others act as a command', async () => {
    const evil = '##vso[task.setvariable variable=x]1';
    const { lines } = await run(`
      host.foreign(${JSON.stringify(evil)}); host.info('a ' + ${JSON.stringify(evil)}); host.warn(${JSON.stringify(evil)});
      throw new TaskError('Azure said ' + ${JSON.stringify(evil)});`);
    assert.doesNotMatch(lines.join('\n'), /##vso\[task\.setvariable/);
    assert.equal(lines.filter(line => line.includes('##_vso[task.setvariable')).length, 5);
  });

  it('aborts on SIGINT, lets the task undo its work, and leaves the result to the agent', async () => {
    const { exitCode, lines } = await run(
      `host.info('ready');
       try { await host.clock.sleep(15_000, host.signal); } finally { host.info('undone'); }
       return { result: 'succeeded', message: 'too late' };`,
      { interruptAt: 'ready' },
    );
    assert.deepEqual(lines, ['ready', 'undone', 'The pipeline cancelled this step (SIGINT).']);
    assert.equal(exitCode, 1);
  });
});
