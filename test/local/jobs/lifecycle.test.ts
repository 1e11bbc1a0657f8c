import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PreparePython } from '../../../local/azure/compute/python';
import { isRunning, until } from '../azure/azure-fixture';
import { JobFixture } from './job-fixture';

describe('local Azure: the life of a job', () => {
  let jobs: JobFixture;
  /** Holds the making of environments with a conda file while it is set. */
  let hold: Promise<void> | undefined;
  const preparePython: PreparePython = async ({ requirements, signal }) => {
    if (requirements.length > 0) {
      await Promise.race([hold, new Promise(resolve => signal?.addEventListener('abort', resolve, { once: true }))]);
      signal?.throwIfAborted();
    }
    return { python: process.execPath, binDir: join(process.execPath, '..'), reused: true };
  };
  before(async () => {
    jobs = await JobFixture.start({ preparePython });
    await jobs.arm('PUT', '/environments/conda/versions/1', {
      properties: { image: 'ubuntu', condaFile: 'dependencies: [pip, {pip: [mlflow]}]' },
    });
  });
  after(() => jobs.end());

  it('passes through the states of the service, in its order', async () => {
    const seen: string[] = [];
    const { log } = jobs.azure;
    await jobs.submit('orderly', jobs.command('true'));
    assert.equal((await jobs.ended('orderly')).status, 'Completed');
    for (const line of log) {
      const [, status] = /^Job orderly: (\w+)$/.exec(line) ?? [];
      if (status !== undefined) seen.push(status);
    }
    assert.deepEqual(seen, ['Starting', 'Preparing', 'Queued', 'Running', 'Finalizing', 'Completed']);
  });

  it('can be canceled while its environment is made', async () => {
    let go = (): void => undefined;
    hold = new Promise(resolve => (go = resolve));
    await jobs.submit('preparing', jobs.command('true', { environmentId: 'azureml:conda:1' }));
    await jobs.runIn('preparing', 'Preparing');
    assert.equal((await jobs.cancel('preparing')).status, 200);
    assert.equal((await jobs.ended('preparing')).status, 'Canceled');
    go();
    hold = undefined;
  });

  it('can be canceled while it waits, while it runs and after its end, and only the processes of that job end', async () => {
    const pids = (name: string): string => join(jobs.azure.stateDir, name);
    const sleeps = (name: string): string =>
      `sleep 600 & echo $! > ${pids(name)}.new; mv ${pids(name)}.new ${pids(name)}; wait; wait`;
    // The first one does not heed the wish to end.
    for (const [name, trap] of Object.entries({ 'runs-1': "trap '' TERM; ", 'runs-2': '', waits: '' }))
      await jobs.submit(name, jobs.command(trap + sleeps(name)));
    await until(() => Promise.resolve(existsSync(pids('runs-1')) && existsSync(pids('runs-2')) ? true : undefined));
    await jobs.runIn('waits', 'Queued');
    await jobs.cancel('waits');
    assert.equal((await jobs.ended('waits')).status, 'Canceled');
    const { readFile } = await import('node:fs/promises');
    const [first, second] = await Promise.all(
      ['runs-1', 'runs-2'].map(async name => Number(await readFile(pids(name), 'utf8'))),
    );
    await jobs.cancel('runs-1');
    assert.equal((await jobs.run('runs-1')).status, 'CancelRequested');
    assert.equal((await jobs.ended('runs-1')).status, 'Canceled');
    assert.equal(isRunning(first ?? 0), false);
    assert.equal(isRunning(second ?? 0), true);
    await jobs.cancel('runs-2');
    await jobs.ended('runs-2');
    for (const name of ['runs-1', 'waits']) assert.equal((await jobs.cancel(name)).status, 200);
    assert.equal((await jobs.run('runs-1')).status, 'Canceled');
    assert.equal(existsSync(join(jobs.azure.stateDir, 'jobs', 'runs-1')), false);
  });

  it('takes inputs of every form, and keeps what was changed in one that may be written', async () => {
    const { blob } = jobs.azure.azure.description;
    await jobs.submit(
      'source',
      jobs.command('echo one > ${{outputs.folder}}/a.txt; echo two > ${{outputs.file}}; echo three > outputs/c.txt', {
        outputs: {
          folder: {
            jobOutputType: 'uri_folder',
            mode: 'Upload',
            uri: 'azureml://datastores/workspaceblobstore/paths/in/${{name}}/${{output_name}}/',
          },
          file: { jobOutputType: 'uri_file' },
        },
      }),
    );
    assert.equal((await jobs.ended('source')).status, 'Completed');
    const folder = 'azureml://datastores/workspaceblobstore/paths/in/source/folder/';
    const account = new URL(blob).pathname.slice(1);
    await jobs.arm('PUT', '/data/table/versions/1', { properties: { dataType: 'uri_folder', dataUri: folder } });
    const container = (
      (await jobs.arm('GET', '/datastores/workspaceblobstore')).json as { properties: { containerName: string } }
    ).properties.containerName;
    await jobs.submit(
      'reader',
      jobs.command(
        'cat ${{inputs.asset}}/a.txt ${{inputs.folder}}/a.txt ${{inputs.output}} ${{inputs.artifact}} ${{inputs.url}} ${{inputs.wasbs}}; echo ${{inputs.direct}}; echo more >> ${{inputs.mine}}/a.txt; echo $AZUREML_PARAMETER_word $AZURE_ML_INPUT_folder',
        {
          inputs: {
            asset: { jobInputType: 'uri_folder', uri: 'azureml:table:1' },
            folder: { jobInputType: 'uri_folder', uri: folder, mode: 'Download' },
            output: { jobInputType: 'uri_file', uri: 'azureml://jobs/source/outputs/file' },
            artifact: { jobInputType: 'uri_file', uri: 'azureml://jobs/source/outputs/artifacts/paths/outputs/c.txt' },
            url: { jobInputType: 'uri_file', uri: `${blob}/${container}/in/source/folder/a.txt` },
            wasbs: {
              jobInputType: 'uri_file',
              uri: `wasbs://${container}@${account}.blob.core.windows.net/in/source/folder/a.txt`,
            },
            direct: { jobInputType: 'uri_folder', uri: folder, mode: 'Direct' },
            mine: { jobInputType: 'uri_folder', uri: folder, mode: 'ReadWriteMount' },
            word: { jobInputType: 'literal', value: 'literally' },
          },
        },
      ),
    );
    const { status, error } = await jobs.ended('reader');
    const log = await jobs.log('reader');
    assert.equal(status, 'Completed', `${error?.error.message ?? ''} ${log}`);
    assert.match(
      log,
      new RegExp(`^one\\none\\ntwo\\nthree\\none\\none\\n${folder}\\nliterally /\\S+/inputs/folder\\n$`),
    );
    await jobs.submit(
      'after',
      jobs.command('cat ${{inputs.mine}}/a.txt', { inputs: { mine: { jobInputType: 'uri_folder', uri: folder } } }),
    );
    await jobs.ended('after');
    assert.equal(await jobs.log('after'), 'one\nmore\n');
  });

  it('fails a job whose input cannot be read, and says why', async () => {
    const inputs: [uri: string, why: RegExp][] = [
      ['https://127.0.0.1:9/nothing.csv', /https:\/\/127\.0\.0\.1:9\/nothing\.csv cannot be read/],
      ['wasbs://c@other.blob.core.windows.net/x', /storage account of wasbs:\/\/c@other.* cannot be reached/],
      ['azureml:no-such-data:1', /no-such-data:1 was not found/],
      ['azureml://jobs/nobody/outputs/x', /Could not find job nobody/],
    ];
    for (const [index, [uri, why]] of inputs.entries()) {
      await jobs.submit(`unread-${index}`, jobs.command('true', { inputs: { x: { jobInputType: 'uri_file', uri } } }));
      const { status, error } = await jobs.ended(`unread-${index}`);
      assert.equal(status, 'Failed');
      assert.match(error?.error.message ?? '', why);
    }
  });

  it('registers an output that carries a name', async () => {
    await jobs.submit(
      'registers',
      jobs.command('echo weights > ${{outputs.model}}/weights.txt', {
        outputs: {
          model: { jobOutputType: 'custom_model', assetName: 'named-output', assetVersion: '7' },
          table: { jobOutputType: 'uri_folder', assetName: 'named-table' },
        },
      }),
    );
    assert.equal((await jobs.ended('registers')).status, 'Completed');
    const { properties } = (await jobs.arm('GET', '/models/named-output/versions/7')).json as {
      properties: { jobName: string };
    };
    assert.equal(properties.jobName, 'registers');
    const data = (await jobs.arm('GET', '/data/named-table/versions/1')).json as { properties: { dataUri: string } };
    assert.match(data.properties.dataUri, /\/azureml\/registers\/table\/$/);
  });

  it('keeps a large log whole, with lines of any length, and gives parts of it', async () => {
    await jobs.submit(
      'talks',
      jobs.command(
        `node -e 'const line = "x".repeat(1e6); for (let i = 0; i < 30; i++) console.log(line); console.log("end")'`,
      ),
    );
    assert.equal((await jobs.ended('talks')).status, 'Completed');
    const url = (await jobs.run('talks')).logFiles['user_logs/std_log.txt'] ?? '';
    const tail = await jobs.azure.call('GET', url, { headers: { range: 'bytes=30000030-30000099' } });
    assert.equal(tail.status, 206);
    assert.equal(tail.text, 'end\n');
    assert.match(String(tail.headers['content-range']), /\/30000034$/);
    const { contentUri } = (await jobs.history('GET', '/runs/talks/artifacts/contentinfo?path=user_logs/std_log.txt'))
      .json as { contentUri: string };
    const start = await jobs.azure.call('GET', contentUri, { headers: { 'x-ms-range': 'bytes=0-4' } });
    assert.deepEqual([start.status, start.text], [206, 'xxxxx']);
  });

  it('runs in the image of a build context, with its variables', async () => {
    const { blobs } = await buildContext(
      jobs,
      'FROM node:24\nENV GREETING=hello\nCOPY greet /usr/local/bin/greet\nRUN chmod +x usr/local/bin/greet\nCMD ["node"]\n',
    );
    await jobs.arm('PUT', '/environments/image/versions/1', {
      properties: { build: { contextUri: blobs, dockerfilePath: 'Dockerfile' } },
    });
    await jobs.submit('in-image', jobs.command('greet', { environmentId: 'azureml:image:1' }));
    const { status, error } = await jobs.ended('in-image');
    assert.equal(status, 'Completed', error?.error.message);
    assert.equal(await jobs.log('in-image'), 'hello world\n');
    const broken = await buildContext(jobs, 'FROM scratch\n');
    await jobs.arm('PUT', '/environments/image/versions/2', {
      properties: { build: { contextUri: broken.blobs, dockerfilePath: 'Dockerfile' } },
    });
    await jobs.submit('no-image', jobs.command('true', { environmentId: 'azureml:image:2' }));
    const failed = await jobs.ended('no-image');
    assert.equal(failed.status, 'Failed');
    assert.match(failed.error?.error.message ?? '', /^Image build failed\..*scratch/s);
    assert.match(await jobs.log('no-image', 'azureml-logs/20_image_build_log.txt'), /scratch/);
  });
});

/** Uploads a build context of a Dockerfile and a program, as a code asset is uploaded. */
async function buildContext(jobs: JobFixture, dockerfile: string): Promise<{ blobs: string }> {
  const code = `/codes/context-${Math.random().toString(36).slice(2)}/versions/1/startPendingUpload`;
  const { blobReferenceForConsumption } = (await jobs.arm('POST', code)).json as {
    blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } };
  };
  const [base = '', sas = ''] = blobReferenceForConsumption.credential.sasUri.split('?');
  for (const [name, text] of Object.entries({ Dockerfile: dockerfile, greet: '#!/bin/sh\necho $GREETING world\n' })) {
    const answer = await jobs.azure.call('PUT', `${base}/context/${name}?${sas}`, {
      body: text,
      headers: { 'x-ms-blob-type': 'BlockBlob', 'content-length': String(text.length) },
    });
    if (answer.status !== 201) throw new Error(answer.text);
  }
  return { blobs: `${blobReferenceForConsumption.blobUri}/context/` };
}
