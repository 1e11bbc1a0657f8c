import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContainerClient } from '@azure/storage-blob';
import { AzureFixture, isRunning, until } from './azure-fixture';

type JobProperties = Record<string, unknown>;

describe('local Azure: command jobs', () => {
  let fixture: AzureFixture;
  before(async () => {
    process.env.SECRET_OF_THE_SERVER = 'not for jobs';
    fixture = await AzureFixture.start();
  });
  after(async () => {
    delete process.env.SECRET_OF_THE_SERVER;
    await fixture.end();
  });

  /** As JSON, since the SDK leaves the `uri` out of inputs that are data (2.1.1 does not know their base class). */
  const submit = async (name: string, command: string, more: JobProperties = {}): Promise<void> => {
    const body = await fixture.commandJob(command);
    const answer = await fixture.call('PUT', `${fixture.workspaceId}/jobs/${name}?api-version=2023-10-01`, {
      token: await fixture.token(),
      body: { properties: { ...body.properties, ...more } },
    });
    const { error } = answer.json as { error?: { code: string; message: string } };
    if (error) throw new Error(`${answer.status} ${error.code}: ${error.message}`);
  };
  const artifacts = async (name: string): Promise<string[]> => {
    const url = `/history/v1.0${fixture.workspaceId}/experiments/shell/runs/${name}/artifacts`;
    const { json } = await fixture.call('GET', url, { token: await fixture.token() });
    return (json as { value: { path: string }[] }).value.map(item => item.path);
  };

  it('runs a command with code, inputs and outputs, and keeps what it wrote', async () => {
    const token = await fixture.token();
    const code = `${fixture.workspaceId}/codes/job-code/versions/1`;
    const pending = await fixture.call('POST', `${code}/startPendingUpload?api-version=2023-04-01`, { token });
    const { blobUri, credential } = (
      pending.json as { blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } } }
    ).blobReferenceForConsumption;
    const container = new ContainerClient(credential.sasUri, undefined, {
      tlsOptions: { ca: fixture.azure.certificate.ca },
    } as object);
    const script =
      'echo "epochs=$1"; cat "$2/words.txt"; echo weights > outputs/model.txt; echo table > "$3/table.csv"; echo oops >&2';
    await container.getBlockBlobClient('src/train.sh').upload(script, script.length);
    await container.getBlockBlobClient('data/words.txt').upload('from the data\n', 14);
    await fixture.call('PUT', `${code}?api-version=2023-04-01`, {
      token,
      body: { properties: { codeUri: `${blobUri}/src` } },
    });

    await submit('with-everything', 'bash train.sh ${{inputs.epochs}} ${{ inputs.words }} ${{outputs.tables}}', {
      codeId: code,
      inputs: {
        epochs: { jobInputType: 'literal', value: '5' },
        words: { jobInputType: 'uri_folder', uri: `${blobUri}/data/` },
      },
      outputs: { tables: { jobOutputType: 'uri_folder' } },
    });
    const { status, details } = await fixture.endOf('with-everything');
    const log = await fixture.jobLog('with-everything');
    assert.equal(status, 'Completed', log);
    assert.equal(details.error, null);
    assert.equal(log, 'epochs=5\nfrom the data\noops\n');
    assert.deepEqual(
      (await artifacts('with-everything')).filter(path => path.startsWith('outputs/')),
      ['outputs/model.txt'],
    );
    const model = await fixture.client().modelVersions.createOrUpdate(...fixture.names, 'from-job', '1', {
      properties: {
        modelUri: 'azureml://jobs/with-everything/outputs/artifacts/paths/outputs/',
        modelType: 'custom_model',
      },
    });
    assert.match(
      model.properties.modelUri ?? '',
      /datastores\/workspaceartifactstore\/paths\/ExperimentRun\/dcid\.with-everything\/outputs\/$/,
    );
    assert.equal((model.properties as { jobName?: string }).jobName, 'with-everything');
    const tables = await fixture.client().modelVersions.createOrUpdate(...fixture.names, 'from-output', '1', {
      properties: { modelUri: 'azureml://jobs/with-everything/outputs/tables/paths/table.csv' },
    });
    assert.match(tables.properties.modelUri ?? '', /azureml\/with-everything\/tables\/table\.csv$/);
  });

  it('shows a growing log while the job runs', async () => {
    const gate = join(fixture.stateDir, 'gate');
    await submit('slow', `echo first; while [ ! -e ${gate} ]; do sleep 0.05; done; echo second`);
    const early = await until(async () => {
      const log = await fixture.jobLog('slow');
      return log === '' ? undefined : log;
    });
    assert.equal(early, 'first\n');
    assert.equal((await fixture.client().jobs.get(...fixture.names, 'slow')).properties.status, 'Running');
    writeFileSync(gate, '');
    assert.equal((await fixture.endOf('slow')).status, 'Completed');
    assert.equal(await fixture.jobLog('slow'), 'first\nsecond\n');
  });

  it('sets what Azure ML sets, and none of our own secrets', async () => {
    await submit('environment', 'env', { environmentVariables: { GREETING: 'hello' } });
    await fixture.endOf('environment');
    const log = await fixture.jobLog('environment');
    const { description } = fixture.azure;
    assert.match(log, /^AZUREML_RUN_ID=environment$/m);
    assert.match(log, /^MLFLOW_RUN_ID=environment$/m);
    assert.match(log, new RegExp(`^MLFLOW_TRACKING_URI=${description.mlflow}$`, 'm'));
    assert.match(log, /^MLFLOW_EXPERIMENT_NAME=shell$/m);
    assert.match(log, new RegExp(`^AZUREML_ARM_WORKSPACE_NAME=${description.workspace}$`, 'm'));
    assert.match(log, /^PYTHONUNBUFFERED=1$/m);
    assert.match(log, /^GREETING=hello$/m);
    assert.doesNotMatch(log, /SECRET_OF_THE_SERVER/);
    assert.doesNotMatch(log, new RegExp(description.clientSecret));
  });

  it('fails with the exit code and the last lines in the run details', async () => {
    await submit('failing', 'echo "no such image" >&2; exit 7');
    const { status, details } = await fixture.endOf('failing');
    assert.equal(status, 'Failed');
    assert.match(
      details.error?.error.message ?? '',
      /exited with status code 7\..*user_logs\/std_log\.txt.*no such image/s,
    );
  });

  it('cancels a running job and everything it started', async () => {
    const pidFile = join(fixture.stateDir, 'pid');
    await submit('sleeping', `(sleep 600 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait)`);
    const pid = Number(await until(async () => (existsSync(pidFile) ? await readFile(pidFile, 'utf8') : undefined)));
    assert.equal(isRunning(pid), true);
    await fixture.client().jobs.beginCancelAndWait(...fixture.names, 'sleeping');
    assert.equal((await fixture.endOf('sleeping')).status, 'Canceled');
    assert.equal(isRunning(pid), false);
    await fixture.client().jobs.beginCancelAndWait(...fixture.names, 'sleeping');
  });

  it('runs as many jobs at a time as the cluster has nodes, and cancels a waiting one without starting it', async () => {
    const gate = join(fixture.stateDir, 'two-nodes');
    const wait = `while [ ! -e ${gate} ]; do sleep 0.05; done`;
    for (const name of ['node-1', 'node-2', 'waiting-1', 'waiting-2']) await submit(name, wait);
    await fixture.jobIn('node-1', 'Running');
    await fixture.jobIn('node-2', 'Running');
    assert.equal((await fixture.client().jobs.get(...fixture.names, 'waiting-1')).properties.status, 'Queued');
    await fixture.client().jobs.beginCancelAndWait(...fixture.names, 'waiting-1');
    assert.equal((await fixture.endOf('waiting-1')).status, 'Canceled');
    writeFileSync(gate, '');
    assert.equal((await fixture.endOf('waiting-2')).status, 'Completed');
  });

  it('cancels a job that runs past its time limit, and says so', async () => {
    await submit('too-long', 'sleep 600', { limits: { jobLimitsType: 'Command', timeout: 'PT0.3S' } });
    const { status, details } = await fixture.endOf('too-long');
    assert.equal(status, 'Canceled');
    assert.match(details.error?.error.message ?? '', /longer than its limits\.timeout of PT0\.3S/);
  });

  it('answers a second PUT of a name with the old job', async () => {
    await submit('once', 'echo one');
    await fixture.endOf('once');
    const again = await fixture
      .client()
      .jobs.createOrUpdate(...fixture.names, 'once', await fixture.commandJob('echo two'));
    assert.equal(again.properties.status, 'Completed');
    assert.equal((again.properties as { command?: string }).command, 'echo one');
    assert.equal(await fixture.jobLog('once'), 'one\n');
  });

  it('refuses what it cannot run, by name, before anything starts', async () => {
    const refused = (more: Parameters<AzureFixture['commandJob']>[1], command = 'true') =>
      submit('refused', command, more);
    await assert.rejects(
      refused({ computeId: `${fixture.workspaceId}/computes/gpu-cluster` }),
      /gpu-cluster was not found.*cpu-training-cluster/s,
    );
    await assert.rejects(
      refused({ distribution: { distributionType: 'Ray' } } as object),
      /distribution\.distributionType is 'Ray'; supported: PyTorch, TensorFlow, Mpi/,
    );
    await assert.rejects(
      refused({ environmentId: `${fixture.workspaceId}/environments/none/versions/1` }),
      /environment .*none.* was not found/,
    );
    await assert.rejects(refused({}, 'echo ${{inputs.missing}}'), /\$\{\{inputs\.missing\}\}.*no input of that name/);
    await assert.rejects(fixture.client().jobs.get(...fixture.names, 'refused'), { statusCode: 404 });
  });

  it('fails a job whose input has no files, naming the input', async () => {
    await submit('no-input', 'true', {
      inputs: { data: { jobInputType: 'uri_folder', uri: 'azureml://datastores/workspaceblobstore/paths/not/there/' } },
    });
    const { status, details } = await fixture.endOf('no-input');
    assert.equal(status, 'Failed');
    assert.match(details.error?.error.message ?? '', /Input data: there are no files at azureml:.*not\/there/);
  });

  it('fails a job whose environment cannot be made, with the reason in the build log', async () => {
    await fixture.client().environmentVersions.createOrUpdate(...fixture.names, 'unmakeable', '1', {
      properties: { image: 'ubuntu', condaFile: 'dependencies: ["mkl=2024=h123_0"]' },
    });
    await submit('no-environment', 'true', {
      environmentId: `${fixture.workspaceId}/environments/unmakeable/versions/1`,
    });
    const { status, details } = await fixture.endOf('no-environment');
    assert.equal(status, 'Failed');
    assert.equal(details.error?.error.code, 'UserError');
    assert.match(details.error.error.message, /^Image build failed: the environment unmakeable:1 could not be made/);
    assert.match(await fixture.jobLog('no-environment', 'azureml-logs/20_image_build_log.txt'), /mkl=2024=h123_0/);
  });

  it('archives a job through run history, and lists hide it', async () => {
    await submit('to-archive', 'true');
    await fixture.endOf('to-archive');
    const url = `/history/v1.0${fixture.workspaceId}/experiments/shell/runs/to-archive`;
    await fixture.call('PATCH', url, {
      token: await fixture.token(),
      body: { hidden: true, tags: { reviewed: 'yes' } },
    });
    const names = [];
    for await (const job of fixture.client().jobs.list(...fixture.names)) names.push(job.name);
    assert.ok(!names.includes('to-archive') && names.includes('once'));
    const { properties } = await fixture.client().jobs.get(...fixture.names, 'to-archive');
    assert.equal(properties.isArchived, true);
    assert.deepEqual(properties.tags, { reviewed: 'yes' });
  });
});
