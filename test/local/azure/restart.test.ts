import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../../../local/processes';
import { AzureFixture, isRunning, until } from './azure-fixture';

describe('local Azure: stop and start', () => {
  it('finds its state again on another port, and settles the jobs that it left', async () => {
    const first = await AzureFixture.start();
    const { stateDir } = first;
    try {
      const submit = async (name: string, command: string): Promise<void> => {
        await first.client().jobs.createOrUpdate(...first.names, name, await first.commandJob(command));
      };
      await submit('done', 'echo finished; echo weights > outputs/model.txt');
      await first.endOf('done');
      await first.client().modelVersions.createOrUpdate(...first.names, 'kept', '1', {
        properties: { modelUri: 'azureml://jobs/done/outputs/artifacts/paths/outputs/', tags: { a: 'b' } },
      });
      for (const name of ['cut-1', 'cut-2']) await submit(name, 'echo started; sleep 600');
      for (const name of ['cut-1', 'cut-2']) await first.jobIn(name, 'Running');
      await submit('waited', 'echo after the restart');
      await first.stop();

      const second = await AzureFixture.start({ stateDir });
      try {
        const before = first.azure.description;
        const now = second.azure.description;
        assert.notEqual(now.arm, before.arm);
        assert.deepEqual(
          [now.tenantId, now.clientId, now.clientSecret],
          [before.tenantId, before.clientId, before.clientSecret],
        );
        assert.equal(second.azure.certificate.ca, first.azure.certificate.ca);
        const model = await second.client().modelVersions.get(...second.names, 'kept', '1');
        assert.deepEqual(model.properties.tags, { a: 'b' });
        assert.equal(await second.jobLog('done'), 'finished\n');
        const { status, details } = await second.endOf('cut-1');
        assert.equal(status, 'Failed');
        assert.match(details.error?.error.message ?? '', /local Azure stopped while the job was under way/);
        assert.equal((await second.endOf('waited')).status, 'Completed');
        assert.equal(await second.jobLog('waited'), 'after the restart\n');
      } finally {
        await second.stop();
      }
    } finally {
      await first.stop();
      await rm(stateDir, { recursive: true, force: true });
    }
  });

  it('loses nothing and leaves nothing running when it is killed', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'guardian-azure-'));
    const program = `
      const { AzureFixture } = require(${JSON.stringify(join(__dirname, 'azure-fixture.ts'))});
      void (async () => {
        const fixture = await AzureFixture.start({ stateDir: ${JSON.stringify(stateDir)} });
        const run = async (name, command) =>
          fixture.client().jobs.createOrUpdate(...fixture.names, name, await fixture.commandJob(command));
        await run('done', 'echo weights > outputs/model.txt');
        await fixture.endOf('done');
        await fixture.client().modelVersions.createOrUpdate(...fixture.names, 'kept', '1', {
          properties: { modelUri: 'azureml://jobs/done/outputs/artifacts/paths/outputs/' },
        });
        await run('cut', 'echo $$ > ${join(stateDir, 'pid')}; exec sleep 600');
        await fixture.jobIn('cut', 'Running');
        console.log(JSON.stringify(fixture.azure.description));
      })();`;
    const server = start(process.execPath, ['--require', 'tsx/cjs', '--eval', program], {
      env: { PATH: process.env.PATH },
    });
    try {
      const [line] = (await once(server.stdout, 'data')) as [Buffer];
      const { blob } = JSON.parse(line.toString()) as { blob: string };
      const pid = Number(
        await until(async () => {
          const text = await readFile(join(stateDir, 'pid'), 'utf8').catch(() => '');
          return text === '' ? undefined : text;
        }),
      );
      process.kill(server.pid, 'SIGKILL');
      await server.exit;
      await until(async () => ((await isListening(blob)) || isRunning(pid) ? undefined : true));

      const again = await AzureFixture.start({ stateDir });
      try {
        const model = await again.client().modelVersions.get(...again.names, 'kept', '1');
        assert.match(model.properties.modelUri ?? '', /dcid\.done\/outputs/);
        const token = await again.token();
        const path = `/history/v1.0${again.workspaceId}/runs/done/artifacts/contentinfo?path=outputs/model.txt`;
        const { contentUri } = (await again.call('GET', path, { token })).json as { contentUri: string };
        assert.equal((await again.call('GET', contentUri)).text, 'weights\n');
        assert.equal((await again.endOf('cut')).status, 'Failed');
      } finally {
        await again.stop();
      }
    } finally {
      await server.kill();
      await rm(stateDir, { recursive: true, force: true });
    }
  });

  it('names a port that is taken, and leaves nothing behind', async () => {
    const first = await AzureFixture.start();
    const stateDir = await mkdtemp(join(tmpdir(), 'guardian-azure-'));
    try {
      const port = Number(new URL(first.azure.description.arm).port);
      await assert.rejects(AzureFixture.start({ stateDir, port }), new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${port}`));
      assert.equal(await isListening(`http://127.0.0.1:${port + 1}`), false);
      await (await AzureFixture.start({ stateDir })).stop();
    } finally {
      await first.end();
      await rm(stateDir, { recursive: true, force: true });
    }
  });

  it('lets one process at a time use a state folder, and says which one has it', async () => {
    const first = await AzureFixture.start();
    try {
      await assert.rejects(AzureFixture.start({ stateDir: first.stateDir }), (error: Error) => {
        assert.match(error.message, new RegExp(`in use by process ${process.pid}`));
        assert.ok(error.message.includes(first.stateDir));
        return true;
      });
      assert.equal((await first.client().workspaces.get(...first.names)).location, 'eastus');
    } finally {
      await first.end();
    }
  });
});

/** Whether something takes connections at the port of a URL. */
function isListening(url: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
