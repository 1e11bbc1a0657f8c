import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../../../local/processes';
import { until } from '../azure/azure-fixture';
import { JobFixture } from './job-fixture';

describe('local Azure: jobs over a restart', () => {
  it('settles what ran when it was killed, and goes on with sweeps, pipelines and what waited', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'guardian-jobs-'));
    const running = (name: string): string => join(stateDir, `${name}.running`);
    const gate = join(stateDir, 'gate');
    // Runs until the gate opens; before the restart it never does.
    const waits = (name: string): string => `touch ${running(name)}; while [ ! -e ${gate} ]; do sleep 0.05; done`;
    const program = `
      const { JobFixture } = require(${JSON.stringify(join(__dirname, 'job-fixture.ts'))});
      void (async () => {
        const jobs = await JobFixture.start({ stateDir: ${JSON.stringify(stateDir)} });
        const compute = (name, maxNodeCount) => jobs.arm('PUT', '/computes/' + name, { properties: { computeType: 'AmlCompute',
          properties: { vmSize: 'Standard_D2', scaleSettings: { maxNodeCount } } } });
        await compute('one', 1);
        await compute('many', 8);
        const on = computeId => ({ computeId });
        await jobs.submit('command', jobs.command(${JSON.stringify(waits('command'))}, on('one')));
        await jobs.submit('queued', jobs.command('echo at last', on('one')));
        await jobs.submit('sweep', jobs.sweep(${JSON.stringify(waits('sweep-${{search_space.x}}'))}, { x: ['choice', [[1, 2, 3]]] },
          { ...on('many'), limits: { jobLimitsType: 'Sweep', maxConcurrentTrials: 1 } }));
        await jobs.submit('pipeline', jobs.pipeline({
          first: jobs.step('echo done > \${{outputs.o}}/f', { outputs: { o: { job_output_type: 'uri_folder' } } }),
          second: jobs.step(${JSON.stringify(waits('second'))}, { inputs: { o: '\${{parent.jobs.first.outputs.o}}' } }),
        }, on('many')));
        await jobs.submit('going-on', jobs.pipeline({
          lost: jobs.step(${JSON.stringify(waits('lost'))}),
          queued: jobs.step('echo done > \${{outputs.o}}/f', { outputs: { o: { job_output_type: 'uri_folder' } }, computeId: 'one' }),
          after: jobs.step('true', { inputs: { o: '\${{parent.jobs.queued.outputs.o}}' } }),
        }, { ...on('many'), settings: { continue_on_step_failure: true } }));
        console.log('submitted');
      })();`;
    const server = start(process.execPath, ['--require', 'tsx/cjs', '--eval', program], {
      env: { PATH: process.env.PATH },
    });
    try {
      await once(server.stdout, 'data');
      for (const name of ['command', 'sweep-1', 'second', 'lost'])
        await until(() => Promise.resolve(existsSync(running(name)) ? true : undefined));
      process.kill(server.pid, 'SIGKILL');
      await server.exit;
      writeFileSync(gate, '');

      const jobs = await JobFixture.start({ stateDir });
      try {
        const command = await jobs.ended('command');
        assert.equal(command.status, 'Failed');
        assert.match(command.error?.error.message ?? '', /compute node was lost/);
        assert.equal((await jobs.ended('queued')).status, 'Completed');
        assert.equal(await jobs.log('queued'), 'at last\n');

        assert.equal((await jobs.ended('sweep')).status, 'Completed');
        assert.deepEqual(
          (await jobs.children('sweep')).map(({ runId, status }) => `${runId} ${status}`),
          ['sweep_0 Failed', 'sweep_1 Completed', 'sweep_2 Completed'],
        );

        const statuses = async (name: string): Promise<string[]> =>
          (await jobs.children(name)).map(({ displayName, status }) => `${displayName} ${status}`).sort();
        assert.equal((await jobs.ended('pipeline')).status, 'Failed');
        assert.deepEqual(await statuses('pipeline'), ['first Completed', 'second Failed']);
        assert.equal((await jobs.ended('going-on')).status, 'Failed');
        assert.deepEqual(await statuses('going-on'), ['after Completed', 'lost Failed', 'queued Completed']);
        assert.equal((await jobs.arm('GET', '/computes/many')).status, 200);
      } finally {
        await jobs.azure.stop();
      }
    } finally {
      await server.kill();
      await rm(stateDir, { recursive: true, force: true });
    }
  });

  it('keeps what was acknowledged at any moment that it is stopped', async () => {
    const jobs = await JobFixture.start();
    const { stateDir } = jobs.azure;
    try {
      await jobs.submit('stopping', jobs.sweep('sleep 600', { x: ['choice', [[1, 2]]] }));
      await jobs.runIn('stopping_0', 'Running');
      await jobs.cancel('stopping');
      await jobs.azure.stop();
      const again = await JobFixture.start({ stateDir });
      try {
        assert.equal((await again.ended('stopping')).status, 'Canceled');
        assert.deepEqual(
          (await again.children('stopping')).map(child => child.status),
          ['Canceled', 'Canceled'],
        );
      } finally {
        await again.azure.stop();
      }
    } finally {
      await jobs.azure.stop();
      await rm(stateDir, { recursive: true, force: true });
    }
  });
});
