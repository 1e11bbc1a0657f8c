import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskRun } from '../../../local/agent/run-task';
import { root, stage } from '../../../scripts/product';
import { failed, log, succeeded } from '../outcome';
import { ReleaseCloud } from './release-cloud';

interface Record {
  model: { name: string; version: string; digest: string; uri?: string };
  training?: object;
  release: { endpoint: string; image?: string; gates: { verdict: string }[]; samples: { at: string }[] };
  earlier?: { endpoint: string }[];
}

function recordFile(run: TaskRun): string {
  const artifact = run.artifacts.find(({ name }) => name.startsWith('release-record'));
  assert.ok(artifact, log(run));
  return join(artifact.path, 'release-record.json');
}

function recordOf(run: TaskRun): Record {
  return JSON.parse(readFileSync(recordFile(run), 'utf8')) as Record;
}

describe('deliveries on really running containers', function () {
  this.timeout(180_000);
  let cloud: ReleaseCloud;

  before(async () => {
    cloud = await ReleaseCloud.start();
    succeeded(await cloud.deploy('1', {}, { build: '1' }));
  });
  after(() => cloud.stop());

  const champion = async (): Promise<void> => {
    assert.deepEqual(await cloud.traffic(), { 1: 100 });
    assert.deepEqual(await cloud.roles(), ['1 champion']);
  };

  it('a challenger that crashes at its start is explained by its own words and taken away', async () => {
    const error = failed(await cloud.deploy('2', { environmentVariables: 'CRASH=fatal: no weights' }, { build: '2' }));
    assert.match(error, /ResourceNotReady[\s\S]*no weights[\s\S]*live traffic was not touched/);
    await champion();
  });

  /** A blue/green release that is watched while callers call: what it failed with, and what local Azure was asked. */
  const watched = async (
    environmentVariables: string,
    analysis: string,
    minimumRequests: string,
    build: string,
  ): Promise<string> => {
    const callers = await cloud.callers();
    cloud.requests.length = 0;
    const inputs = { strategy: 'blueGreen', bakeMinutes: '0.05', minimumRequests, onInconclusive: 'fail' };
    const run = await cloud.deploy('2', { ...inputs, analysis, environmentVariables }, { build });
    await callers.stop();
    await champion();
    return failed(run);
  };

  it('a challenger that fails one request in twenty goes back; from the bad signal to the restored traffic nothing is waited for', async () => {
    const error = await watched('FAIL_EVERY=20', 'errorRate <= 1%', '20', '3');
    assert.match(error, /errorRate is 0\.0\d+, wanted <= 0\.01[\s\S]*Live traffic is back: m1-\w+ 100 %/);
    const asked = cloud.requests.map(({ request }) => request);
    const signal = asked.findLastIndex(request => request.includes('Microsoft.Insights/metrics'));
    const write = asked.indexOf('arm PUT onlineEndpoints/letters-endpoint', signal);
    const between = asked.slice(signal + 1, write).filter(request => request.startsWith('arm '));
    assert.ok(
      between.length <= 2 && between.every(request => request.startsWith('arm GET onlineEndpoints/letters-endpoint')),
      between.join('\n'),
    );
  });

  it('a challenger that is slow goes back', async () => {
    const error = await watched('SLOW=300', 'p95 <= champion + 150', '5', '4');
    assert.match(error, /p95 is \d+(\.\d+)?, wanted <= \d+(\.\d+)? \(champion \d+/);
  });

  it('builds the image of a new runtime in sight, once; one that does not build is no deployment', async () => {
    const taskDir = join(cloud.test.folder, 'task');
    cpSync(join(stage, 'tasks/DeployOnlineEndpoint'), taskDir, { recursive: true });
    const runtime = join(taskDir, 'scoring-runtime');
    // The bundled runtime serves ONNX models, and the task looks for one.
    const localPath = join(cloud.test.folder, 'drawn');
    mkdirSync(localPath);
    for (const name of ['letters.txt', 'model.onnx']) writeFileSync(join(localPath, name), 'drawn');
    const model = { modelName: 'drawn', modelSource: 'localPath', localPath };
    succeeded(await cloud.run('RegisterModel', model, { build: '9' }));
    const deploy = (build: string, more = {}): Promise<TaskRun> =>
      cloud.deploy(
        '1',
        { modelName: 'drawn', environment: '', endpointName: 'built-endpoint', ...more },
        { build, taskDir },
      );
    const put = (line: string): void => {
      rmSync(runtime, { recursive: true });
      cpSync(join(root, 'test/fixtures/containers/echo'), runtime, { recursive: true });
      // An image of this content was never built before.
      appendFileSync(join(runtime, 'Dockerfile'), `\nRUN ${line} ${cloud.test.folder}\n`);
    };
    put('false');
    const run = await deploy('10');
    assert.match(
      failed(run),
      /Could not build the image of the environment guardian-scoring-runtime:\w+: Azure reports Failed/,
    );
    assert.match(log(run), /RUN false[\s\S]*ended with exit code 1/);
    const endpoints = await cloud.azure.read<{ value: { name: string }[] }>('onlineEndpoints');
    assert.ok(!endpoints.value.some(({ name }) => name === 'built-endpoint'));

    put('echo step of');
    const made = succeeded(await deploy('11'));
    assert.match(
      log(made),
      /##\[group\]Image build of guardian-scoring-runtime:[\s\S]*step of \/[\s\S]*built in [\d.]+ s\n##\[endgroup\]/,
    );
    const { image } = recordOf(made).release;
    assert.match(image ?? '', /^azureml\/azureml_\w+$/);
    const again = succeeded(await deploy('12', { environmentVariables: 'GREETING=hello' }));
    assert.match(log(again), /Image of guardian-scoring-runtime:\w+ is there, nothing to build/);
    assert.doesNotMatch(log(again), /step of/);
    assert.equal(recordOf(again).release.image, image);

    // A connection that may not ask leaves the build to the deployment.
    const fault = { type: 'status', status: 403 } as const;
    const { id } = cloud.test.cloud.faults.add({ plane: 'history', path: '**/image', fault });
    const unasked = succeeded(await deploy('13', { environmentVariables: 'GREETING=bye' }));
    cloud.test.cloud.faults.delete(id);
    assert.match(
      log(unasked),
      /403[\s\S]*Azure builds the image of guardian-scoring-runtime:\w+, if it has none, with the deployment/,
    );
  });

  it('takes the model from the record of an earlier stage, checks its digest, and goes on with the record', async () => {
    const localPath = join(cloud.test.folder, 'letters-2');
    const registered = succeeded(
      await cloud.run('RegisterModel', { modelName: 'letters', modelSource: 'localPath', localPath }, { build: '20' }),
    );
    const endpointName = 'staging-endpoint';
    const named = { endpointName, modelName: '', releaseRecord: recordFile(registered) };
    const staged = succeeded(await cloud.deploy('latest', named, { build: '21' }));
    const { model } = recordOf(staged);
    assert.deepEqual(model, recordOf(registered).model);
    assert.deepEqual(Object.keys(await cloud.traffic(endpointName)), [model.version]);

    const folder = join(cloud.test.folder, 'record');
    mkdirSync(folder);
    const file = join(folder, 'release-record.json');
    const other = { ...recordOf(staged), model: { ...model, digest: 'f'.repeat(64) } };
    writeFileSync(file, JSON.stringify(other));
    const next = { endpointName: 'production-endpoint', modelName: '', releaseRecord: folder };
    assert.match(
      failed(await cloud.deploy('latest', next, { build: '22' })),
      /letters:\d+ is not the one that the release record is about: its content has the digest \w{64}, the record says f{64}/,
    );
    cpSync(recordFile(staged), file);
    const released = recordOf(succeeded(await cloud.deploy('latest', next, { build: '23' })));
    assert.deepEqual([released.model, released.release.endpoint], [model, 'production-endpoint']);
    assert.deepEqual(
      released.earlier?.map(({ endpoint }) => endpoint),
      [endpointName],
    );
  });

  it('an endpoint whose last write has failed takes the next release', async () => {
    const { id } = cloud.test.cloud.faults.add({
      plane: 'arm',
      method: 'PUT',
      path: 'onlineEndpoints/letters-endpoint',
      first: 1,
      fault: { type: 'operation', code: 'InternalServerError', message: 'by chance' },
    });
    failed(await cloud.deploy('3', {}, { build: '30' }));
    cloud.test.cloud.faults.delete(id);
    const run = succeeded(await cloud.deploy('1', { keepPrevious: 'false' }, { build: '31' }));
    assert.match(log(run), /Endpoint letters-endpoint is Failed since an earlier write; writing it again as it is/);
    await champion();
  });

  it('of several runs at once one is at work; another refuses, one waits for it, and a third gives up waiting', async () => {
    const canary = { strategy: 'canary', steps: '50,100', bakeMinutes: '0.05', analysis: 'requests >= 0' };
    cloud.writes.length = 0;
    const isAtWork = new Promise<void>(resolve => {
      cloud.afterWrite = () => {
        if (cloud.writes.at(-1) === 'PUT onlineEndpoints/letters-endpoint') resolve();
      };
    });
    const first = cloud.deploy('2', canary, { build: '41' });
    await isAtWork;
    cloud.afterWrite = () => undefined;
    const cancel = new AbortController();
    let isWaiting = (): void => undefined;
    const waiting = new Promise<void>(resolve => (isWaiting = resolve));
    const onLine = (line: string): void => {
      if (/waiting for it until/.test(line)) isWaiting();
    };
    const wait = { whenBusy: 'wait', keepPrevious: 'false' };
    const [second, third, fourth] = [
      cloud.deploy('3', { whenBusy: 'refuse' }, { build: '42' }),
      cloud.deploy('3', wait, { build: '43' }),
      cloud.deploy('1', wait, { build: '44', onLine, signal: cancel.signal }),
    ];
    await waiting;
    cancel.abort();
    assert.equal((await fourth).result, 'Canceled');
    assert.match(failed(await second), /letters-endpoint was left alone\. Run 41 is at work.*rollout/);
    succeeded(await first);
    assert.match(
      log(succeeded(await third)),
      /Run 41 is at work on the endpoint: its rollout was to go on until 2.*; waiting/,
    );
    assert.deepEqual(await cloud.traffic(), { 3: 100 });
    assert.deepEqual(await cloud.roles(), ['3 champion']);
  });
});
