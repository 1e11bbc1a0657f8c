import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../../local/agent/connection';
import type { TaskRun } from '../../local/agent/run-task';
import { AzureReader } from '../../local/demo/azure-reader';
import { TestCloud } from '../support/local-cloud';
import { anyJobWith } from '../support/python-packages';
import { failed, log, succeeded } from './outcome';

const python = anyJobWith('/usr/bin/python3');
const target = {
  azureSubscription: 'guardian-azure-connection',
  resourceGroup: 'guardian-ai-prod',
  workspaceName: 'guardian-ai-ml-workspace-prod',
};

function job(folder: string, name: string, command: string, nodes = 1): string {
  const file = join(folder, `${name}.yml`);
  const compute = 'azureml:cpu-training-cluster';
  const spec = {
    experiment_name: name,
    command,
    compute,
    environment: { image: 'any' },
    resources: { instance_count: nodes },
  };
  writeFileSync(file, JSON.stringify(spec));
  return file;
}

describe('waiting for a job outlives every token', function () {
  this.timeout(120_000);
  let cloud: TestCloud;
  before(async () => {
    cloud = await TestCloud.start({ preparePython: python, accessTokenSeconds: 2, pipelineTokenSeconds: 2 });
  });
  after(() => cloud.stop());

  /** Six seconds are three lives of a token. */
  async function wait(name: string, change: (connection: Connection) => Connection): Promise<void> {
    const jobFile = job(cloud.folder, name, 'for n in 1 2 3 4 5 6; do echo second $n; sleep 1; done');
    const run = await cloud.runTask(
      'SubmitTrainingJob',
      { ...target, jobFile },
      {
        connections: cloud.project.connections.map(one => (one.type === 'azurerm' ? change(one) : one)),
        variables: [{ name: 'System.OidcRequestUri', value: cloud.cloud.oidcRequestUri }],
        system: { url: cloud.project.collectionUri, accessToken: cloud.cloud.systemAccessToken },
      },
    );
    assert.match(log(succeeded(run)), /^second 6$/m);
  }

  it('with a secret', () => wait('secret', connection => connection));

  it('with workload identity federation', () =>
    wait('federated', connection => {
      const { clientId, tenantId } = cloud.cloud.description;
      cloud.cloud.devops.organization.addServiceConnection(connection, clientId);
      const parameters = { tenantid: tenantId, serviceprincipalid: clientId };
      return { ...connection, scheme: 'WorkloadIdentityFederation', parameters };
    }));

  it('with a certificate', () =>
    wait('certificate', connection => {
      const { clientId } = cloud.cloud.description;
      const [key, certificate] = ['key.pem', 'certificate.pem'].map(name => join(cloud.folder, name)) as [
        string,
        string,
      ];
      const what = [
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        key,
        '-out',
        certificate,
        '-days',
        '2',
        '-subj',
        '/CN=pipelines',
      ];
      execFileSync('openssl', ['req', '-x509', ...what], { stdio: 'ignore' });
      cloud.cloud.directory.addCertificate(clientId, readFileSync(certificate, 'utf8'));
      const { tenantid = '', serviceprincipalid = '' } = connection.parameters;
      const servicePrincipalCertificate = readFileSync(key, 'utf8') + readFileSync(certificate, 'utf8');
      const parameters = {
        tenantid,
        serviceprincipalid,
        servicePrincipalCertificate,
        authenticationType: 'spnCertificate',
      };
      return { ...connection, parameters };
    }));
});

describe('a cancelled pipeline leaves no job running', function () {
  this.timeout(120_000);
  let cloud: TestCloud;
  let azure: AzureReader;
  before(async () => {
    cloud = await TestCloud.start({ preparePython: python });
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
  });
  after(() => cloud.stop());

  /** Runs the task and cancels it, as the agent does, once its log shows `line`. */
  async function cancelAt(
    line: RegExp,
    jobFile: string,
    inputs: Record<string, string> = {},
    before = (): void => undefined,
  ): Promise<TaskRun> {
    const cancel = new AbortController();
    const run = await cloud.runTask(
      'SubmitTrainingJob',
      { ...target, jobFile, ...inputs },
      {
        signal: cancel.signal,
        onLine: text => {
          if (!line.test(text)) return;
          before();
          cancel.abort();
        },
      },
    );
    assert.equal(run.result, 'Canceled', log(run));
    return run;
  }
  const statusOf = async (name: string): Promise<string> =>
    (await azure.read<{ properties: { status: string } }>(`jobs/${name}`)).properties.status;
  async function endOf(name: string): Promise<string> {
    for (let status = await statusOf(name); ; status = await statusOf(name))
      if (['Completed', 'Failed', 'Canceled'].includes(status)) return status;
  }

  it('while it runs', async () => {
    const run = await cancelAt(/^started$/, job(cloud.folder, 'running', 'echo started; sleep 300'));
    assert.match(log(run), /was cancelled\./);
    assert.equal(await statusOf(run.outputs['jobName']!), 'Canceled');
  });

  it('while it waits for a node, or is being made ready', async () => {
    // Both nodes of the cluster are taken.
    const blocker = await cloud.runTask('SubmitTrainingJob', {
      ...target,
      jobFile: job(cloud.folder, 'blocker', 'sleep 300', 2),
      wait: 'false',
    });
    const run = await cancelAt(
      /is (Queued|Preparing|NotStarted|Provisioning|Starting)\.$/,
      job(cloud.folder, 'queued', 'echo never'),
    );
    assert.equal(await endOf(run.outputs['jobName']!), 'Canceled');
    await azure.read(`jobs/${blocker.outputs['jobName']!}/cancel`, 'POST').catch(() => undefined);
    assert.equal(await endOf(blocker.outputs['jobName']!), 'Canceled');
  });

  it('while it is being submitted: the job is not left to run unseen', async () => {
    const { faults } = cloud.cloud;
    const slow = { type: 'slow', milliseconds: 1_000 } as const;
    const { id } = faults.add({ plane: 'arm', method: 'PUT', path: 'jobs/*', fault: slow });
    const cancel = new AbortController();
    const running = cloud.runTask(
      'SubmitTrainingJob',
      { ...target, jobFile: job(cloud.folder, 'submitting', 'sleep 300') },
      { signal: cancel.signal },
    );
    while (faults.list().some(rule => rule.id === id && rule.injected === 0)) await statusOf('none').catch(() => '');
    cancel.abort();
    const run = await running;
    faults.delete(id);
    assert.equal(run.result, 'Canceled', log(run));
    assert.match(log(run), /was cancelled\./);
    assert.equal(await statusOf(run.outputs['jobName']!), 'Canceled');
  });

  describe('whatever its status', () => {
    /** The service shows this status for all jobs until the answer is called. */
    function shown(status: string): () => void {
      const rules = [
        { plane: 'arm', path: 'jobs/*', field: 'properties.status' },
        { plane: 'history', path: '**/runs/*/details', field: 'status' },
      ] as const;
      const ids = rules.map(
        ({ plane, path, field }) =>
          cloud.cloud.faults.add({ plane, method: 'GET', path, fault: { type: 'fields', set: { [field]: status } } })
            .id,
      );
      return () => ids.forEach(id => cloud.cloud.faults.delete(id));
    }

    for (const status of [
      'NotStarted',
      'Starting',
      'Provisioning',
      'Preparing',
      'Queued',
      'Running',
      'CancelRequested',
    ]) {
      it(`${status}: it is cancelled, and seen to end`, async () => {
        const asItIs = shown(status);
        const jobFile = job(cloud.folder, `at-${status}`, 'sleep 300');
        const run = await cancelAt(new RegExp(`is ${status}\\.$`), jobFile, {}, asItIs);
        assert.match(log(run), /was cancelled\./);
        assert.equal(await statusOf(run.outputs['jobName']!), 'Canceled');
      });
    }

    it('Finalizing: it is too late, which is said and is no error', async () => {
      const asItIs = shown('Finalizing');
      const run = await cancelAt(/is Finalizing\.$/, job(cloud.folder, 'at-Finalizing', 'sleep 300'));
      asItIs();
      assert.match(log(run), /was too far to be cancelled: it is Finalizing\./);
      assert.doesNotMatch(log(run), /##\[error\]Job/);
    });

    it('Unknown: the service has lost sight of it, and is asked to cancel it all the same', async () => {
      const asItIs = shown('Unknown');
      const jobFile = job(cloud.folder, 'at-Unknown', 'sleep 300');
      const run = await cancelAt(/does not know the status/, jobFile, {}, asItIs);
      assert.match(log(run), /was cancelled\./);
    });

    for (const status of ['Completed', 'Failed', 'Canceled', 'NotResponding', 'Paused'])
      it(`${status}: the job has ended, so there is nothing to cancel`, async () => {
        const asItIs = shown(status);
        const run = await cloud.runTask('SubmitTrainingJob', {
          ...target,
          jobFile: job(cloud.folder, `at-${status}`, 'true'),
        });
        asItIs();
        assert.equal(run.result, status === 'Completed' ? 'Succeeded' : 'Failed', log(run));
        assert.match(log(run), new RegExp(`is ${status}\\.`));
      });
  });

  it('unless it is told to leave it', async () => {
    const run = await cancelAt(/^started$/, job(cloud.folder, 'left', 'echo started; sleep 3; echo ended'), {
      onCancel: 'leave',
    });
    assert.match(log(run), /goes on, as onCancel says/);
    assert.equal(await endOf(run.outputs['jobName']!), 'Completed');
  });

  it('also when its own time is up, which is a failure', async () => {
    const jobFile = job(cloud.folder, 'limited', 'echo started; sleep 300');
    const spec = JSON.parse(readFileSync(jobFile, 'utf8')) as object;
    writeFileSync(jobFile, JSON.stringify({ ...spec, limits: { timeout: 2 } }));
    const run = await cloud.runTask('SubmitTrainingJob', { ...target, jobFile });
    assert.match(failed(run), /ended (Failed|Canceled)/);
  });
});
