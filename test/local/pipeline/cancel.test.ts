import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PipelineRun, RunPipelineOptions } from '../../../local/pipeline/run-pipeline';
import { jobResults, PipelineFixture, stepsOf } from './pipeline-fixture';

describe('a run that is cancelled', () => {
  let fixture: PipelineFixture;
  beforeEach(() => (fixture = new PipelineFixture()));
  afterEach(() => fixture.dispose());

  /** Cancels the run when a line of its log ends with `line`. */
  const cancelAt = (line: string, yaml: string, change: Partial<RunPipelineOptions> = {}): Promise<PipelineRun> => {
    const abort = new AbortController();
    fixture.lines = [];
    return fixture.run(yaml, {
      signal: abort.signal,
      onLine: shown => {
        fixture.lines.push(shown);
        if (shown.endsWith(line)) abort.abort();
      },
      ...change,
    });
  };

  it('ends the running step, runs those with always() and canceled(), and nothing else', async () => {
    const run = await cancelAt(
      'ready',
      `
stages:
- stage: one
  jobs:
  - job: long
    steps:
    - checkout: none
    - task: Wait@1
      name: wait
      inputs: { onInterrupt: graceful }
    - { script: 'echo plain', name: plain }
    - { script: 'echo always', name: always, condition: always() }
    - { script: 'echo canceled', name: canceled, condition: canceled() }
    - { script: 'echo failed', name: failed, condition: failed() }
  - job: next
    dependsOn: long
    steps: [{ checkout: none }, { script: echo next }]
  - job: cleanup
    dependsOn: long
    condition: always()
    steps: [{ checkout: none }, { script: echo skipped }, { script: 'echo cleaned $(undone)', condition: always() }]
- stage: two
  jobs: [{ job: j, steps: [{ checkout: none }, { script: echo two }] }]
`,
    );
    assert.equal(run.result, 'Canceled');
    const steps = Object.fromEntries(Object.entries(stepsOf(run)).map(([name, step]) => [name, step.result]));
    assert.deepEqual(steps, {
      'one.long.wait': 'Canceled',
      'one.long.plain': 'Skipped',
      'one.long.always': 'Succeeded',
      'one.long.canceled': 'Succeeded',
      'one.long.failed': 'Skipped',
      'one.cleanup.CmdLine': 'Succeeded',
    });
    assert.deepEqual(jobResults(run), {
      'one.long': 'Canceled',
      'one.next': 'Canceled',
      'one.cleanup': 'Canceled',
      'two.j': 'Canceled',
    });
    assert.ok(fixture.lines.includes('[one/long] undone after SIGINT'));
  });

  it('lets a running always() step end by itself', async () => {
    const flag = join(fixture.folder, 'cancelled');
    const abort = new AbortController();
    const run = await fixture.run(
      `
steps:
- checkout: none
- script: 'echo working; until [ -e $(flag) ]; do sleep 0.05; done; echo worked'
  name: undo
  condition: always()
- script: echo plain
  name: plain
`,
      {
        variables: { flag },
        signal: abort.signal,
        onLine: line => {
          fixture.lines.push(line);
          if (line !== 'working') return;
          abort.abort();
          writeFileSync(flag, '');
        },
      },
    );
    assert.equal(run.result, 'Canceled');
    assert.equal(stepsOf(run)['__default.Job.undo']?.result, 'Succeeded');
    assert.equal(stepsOf(run)['__default.Job.plain']?.result, 'Skipped');
    assert.ok(fixture.lines.includes('worked'));
  });

  it('ends a script with all that it started', async () => {
    const run = await cancelAt(
      'started',
      `
steps:
- checkout: none
- script: |
    sleep 1000 &
    echo "pid $!"
    echo started
    sleep 1000
`,
      { variables: { PROCESS_SIGINT_TIMEOUT: '2000', PROCESS_SIGTERM_TIMEOUT: '500' } },
    );
    assert.equal(run.result, 'Canceled');
    const pid = fixture.lines.flatMap(line => /^pid (\d+)$/.exec(line)?.[1] ?? [])[0];
    assert.ok(pid !== undefined && !existsSync(`/proc/${pid}/exe`));
  });

  it('does not wait for ever for steps that run in spite of it', async () => {
    const run = await cancelAt(
      'ready',
      `
jobs:
- job: j
  cancelTimeoutInMinutes: 1
  steps:
  - checkout: none
  - task: Wait@1
    condition: always()
`,
      { time: { second: 1, minute: 200 } },
    );
    assert.equal(run.result, 'Canceled');
  });

  it('cancelled before it starts, runs nothing but always()', async () => {
    const run = await fixture.run('steps:\n- checkout: none\n- script: echo x', { signal: AbortSignal.abort() });
    assert.equal(run.result, 'Canceled');
    assert.deepEqual(fixture.lines, []);
  });
});

describe('time limits', () => {
  let fixture: PipelineFixture;
  beforeEach(() => (fixture = new PipelineFixture()));
  afterEach(() => fixture.dispose());

  it('a step out of time is failed, and the job goes on as after any failure', async () => {
    const run = await fixture.run(
      `
steps:
- checkout: none
- { task: Wait@1, name: wait, timeoutInMinutes: 1 }
- { script: echo after, name: after }
- { script: echo failed, name: failed, condition: failed() }
`,
      { time: { second: 1, minute: 300 } },
    );
    const steps = Object.fromEntries(Object.values(stepsOf(run)).map(step => [step.name, step.result]));
    assert.deepEqual(steps, { wait: 'Failed', after: 'Skipped', failed: 'Succeeded' });
    assert.ok(fixture.lines.some(line => /The task has timed out/.test(line)));
    assert.equal(run.result, 'Failed');
  });

  it('a job out of time is cancelled, and says so', async () => {
    const run = await fixture.run(
      `
jobs:
- job: slow
  timeoutInMinutes: 1
  steps:
  - checkout: none
  - { task: Wait@1, name: wait }
  - { script: echo always, name: always, condition: always() }
- job: other
  steps: [{ checkout: none }, { script: echo other }]
`,
      { time: { second: 1, minute: 400 } },
    );
    assert.deepEqual(jobResults(run), { '__default.slow': 'Canceled', '__default.other': 'Succeeded' });
    assert.equal(stepsOf(run)['__default.slow.wait']?.result, 'Canceled');
    assert.equal(stepsOf(run)['__default.slow.always']?.result, 'Succeeded');
    assert.ok(fixture.lines.some(line => /longer than the maximum time of 1 minutes/.test(line)));
  });
});
