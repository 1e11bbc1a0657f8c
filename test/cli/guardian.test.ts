import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientEnvironment } from '../../local/command/shell-environment';
import type { LocalDescription } from '../../local/description';
import { AzureReader } from '../../local/demo/azure-reader';
import { readPipeline } from '../../local/pipeline/read-pipeline';
import { TaskCatalog } from '../../local/pipeline/task-catalog';
import { localProject, workspaceOf } from '../../local/project';
import { readManifest, root, taskNames } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { anyJobWith } from '../support/python-packages';
import { azDouble } from './az-double';
import { guardian, type GuardianOptions, type Ran } from './run-guardian';

const kebab = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
const commandOf: Readonly<Record<string, string>> = {
  DeployOnlineEndpoint: 'deploy-online-endpoint',
  RegisterModel: 'register-model',
  Rollback: 'rollback',
  SubmitTrainingJob: 'submit-training-job',
  SyncK8sConfigMap: 'sync-k8s-config-map',
};

/** Addresses of a local Azure that nobody calls. */
function noCloud(folder: string): LocalDescription {
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(
    kubeconfig,
    'clusters: [{ cluster: { server: https://127.0.0.1:5 } }]\nusers: [{ user: { token: t } }]\n',
  );
  const [arm, ca] = ['https://127.0.0.1:3', join(folder, 'ca.pem')];
  const identity = { tenantId: 't', clientId: 'c', clientSecret: 's', subscriptionId: 's', region: 'eastus' };
  const names = { resourceGroup: 'g', workspace: 'w', kubeconfig, ca };
  return { arm, authority: arm, inference: arm, mlflow: arm, blob: arm, ...identity, ...names };
}

describe('guardian, by itself', function () {
  this.timeout(60_000);

  for (const task of taskNames) {
    it(`has a flag with help for every input of ${task}`, async () => {
      const { code, stdout } = await guardian([commandOf[task] ?? '', '--help']);
      assert.equal(code, 0);
      const shown = stdout.replace(/\s+/g, ' ');
      for (const input of readManifest(join(root, 'tasks', task)).inputs)
        if (!input.type.startsWith('connectedService:')) {
          assert.ok(stdout.includes(`--${kebab(input.name)}`), input.name);
          assert.ok(shown.includes(input.label), input.label);
        }
    });
  }

  const mistakes: Record<string, { args: string[]; says: RegExp }> = {
    'no command': { args: [], says: /Say what to do/ },
    'a mistyped command': { args: ['rolback'], says: /Did you mean rollback\?/ },
    'a flag that the task does not have': { args: ['rollback', '--endpoint', 'e'], says: /Unknown argument: endpoint/ },
    'what is required and missing, all at once': {
      args: ['submit-training-job', '--job-source', 'inline'],
      says: /--resource-group is required[^]*--workspace-name is required[^]*--command is required[^]*--environment is required/,
    },
    'another choice than the task has': {
      args: ['deploy-online-endpoint', '--strategy', 'cannary'],
      says: /"cannary"[^]*"allAtOnce", "blueGreen", "canary"/,
    },
    'a file that is not there': {
      args: ['submit-training-job', '--resource-group=g', '--workspace-name=w', '--job-file', 'none.yml'],
      says: /--job-file: there is no .*none\.yml/,
    },
    'no subscription for a service principal': {
      args: ['endpoints', '--resource-group=g', '--workspace-name=w', '--login', 'service-principal'],
      says: /--subscription, or AZURE_SUBSCRIPTION_ID/,
    },
  };
  for (const [what, { args, says }] of Object.entries(mistakes))
    it(`says in one go, with exit code 2: ${what}`, async () => {
      const { code, stdout, stderr } = await guardian(args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, says);
    });

  it('makes a project under the names that it is given, whose pipelines are whole', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'guardian-new-'));
    try {
      const own = ['workspace-name', 'resource-group', 'azure-connection', 'kubernetes-connection', 'variable-group'];
      const flags = [...own, 'environment'].map(flag => `--${flag}=own-${flag}`);
      const made = await guardian(['new', 'project', ...flags], { cwd: folder });
      assert.equal(made.code, 0, made.stderr);
      const project = join(folder, 'project');
      const texts = readdirSync(project, { recursive: true, encoding: 'utf8' }).filter(file =>
        /\.(ya?ml|md)$|^release\/.*\.json$/.test(file),
      );
      for (const file of texts)
        assert.doesNotMatch(
          readFileSync(join(project, file), 'utf8'),
          /guardian-(ai-prod|ai-ml-workspace-prod|azure-connection|kubernetes-connection|variables|production)|[^\w/-]samples\/|_guardian\/samples/,
          file,
        );
      const known = localProject(
        { description: noCloud(folder) },
        { sourcesDir: project, taskDirs: [join(root, 'tasks')] },
      );
      assert.deepEqual(workspaceOf(project), { resourceGroup: 'own-resource-group', workspace: 'own-workspace-name' });
      const reader = { project: known, tasks: new TaskCatalog(known.taskDirs), known: [], overrides: [] };
      const names = known.connections.map(({ name }) => name);
      assert.deepEqual(names, ['own-azure-connection', 'own-kubernetes-connection']);
      for (const file of ['training', 'deployment', 'promotion', 'pull-request', 'retraining'])
        readPipeline(join(project, `pipelines/azure-pipelines-ml-${file}.yml`), {}, reader);

      const again = await guardian(['new', 'project', '--yes'], { cwd: folder });
      assert.equal(again.code, 2);
      assert.match(again.stderr, /project is not empty/);
      const strange = await guardian(['new', 'other', '--workspace-name', 'a: b'], { cwd: folder });
      assert.equal(strange.code, 2);
      assert.match(strange.stderr, /--workspace-name is "a: b", but must be/);
      assert.ok(!existsSync(join(folder, 'other')));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('completes commands, flags and choices', async () => {
    const words = async (...typed: string[]): Promise<string[]> =>
      (await guardian(['--get-yargs-completions', 'guardian', ...typed])).stdout.trim().split('\n');
    assert.ok((await words('')).includes('deploy-online-endpoint'));
    assert.ok((await words('rollback', '--')).includes('--endpoint-names'));
    const { inputs } = readManifest(join(root, 'tasks/DeployOnlineEndpoint'));
    const strategies = Object.keys(inputs.find(({ name }) => name === 'strategy')?.options ?? {});
    assert.ok(strategies.includes('canary'));
    assert.deepEqual((await words('deploy-online-endpoint', '--strategy', '')).sort(), strategies.sort());
    assert.match((await guardian(['completion'])).stdout, /complete -[^]*guardian/);
  });
});

describe('guardian, on local Azure', function () {
  this.timeout(300_000);
  let cloud: TestCloud;
  let azure: AzureReader;
  let settings: Record<string, string>;

  before(async () => {
    cloud = await TestCloud.start({ preparePython: anyJobWith('/usr/bin/python3') });
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
    settings = clientEnvironment(cloud.cloud.description);
  });
  after(() => cloud.stop());

  const call = (args: string[], options: GuardianOptions = {}): Promise<Ran> =>
    guardian(args, { cwd: root, ...options, env: { ...settings, ...options.env } });
  const outputs = async (args: string[]): Promise<Record<string, string>> => {
    const { code, stdout, stderr } = await call([...args, '--json']);
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as { outputs: Record<string, string> }).outputs;
  };
  const jobFile = (name: string, command: string): string => {
    const file = join(cloud.folder, `${name}.yml`);
    const compute = 'azureml:cpu-training-cluster';
    writeFileSync(file, JSON.stringify({ experiment_name: name, command, compute, environment: { image: 'any' } }));
    return file;
  };

  it('releases a model, shows what is live, and takes the release back', async () => {
    const register = (folder: string): Promise<Record<string, string>> =>
      outputs(['register-model', '--model-name', 'colour', '--model-source=localPath', '--local-path', folder]);
    assert.equal((await register('test/fixtures/models/colour'))['modelVersion'], '1');
    assert.equal((await register('test/fixtures/models/fails-on-white'))['modelVersion'], '2');

    const deploy = (version: string, ...more: string[]): Promise<Record<string, string>> =>
      outputs([
        ...[
          'deploy-online-endpoint',
          '--endpoint-name',
          'colours',
          '--model-name',
          'colour',
          '--model-version',
          version,
        ],
        ...['--instance-count', '1', '--probe-initial-delay-seconds', '1', '--probe-period-seconds=1', ...more],
      ]);
    const first = await deploy('1');
    const second = await deploy('2', '--strategy', 'challenger', '--challengerTraffic', '20');

    const { stdout: text } = await call(['status']);
    assert.match(text, /^colours: Succeeded, revision 2, changed \d{4}-\d\d-\d\d \d\d:\d\d, by deploy$/m);
    assert.match(text, new RegExp(`champion +${first['deploymentName'] ?? ''} +colour:1 +80 %`));
    assert.match(text, new RegExp(`challenger +${second['deploymentName'] ?? ''} +colour:2 +20 %`));
    const [status] = JSON.parse((await call(['status', 'colours', '--json'])).stdout) as {
      deployments: { commit: string }[];
    }[];
    assert.match(status?.deployments[0]?.commit ?? '', /^[0-9a-f]{40}$/);

    const { primaryKey } = await azure.read<{ primaryKey: string }>('onlineEndpoints/colours/listKeys', 'POST');
    const plain = (await call(['endpoints'])).stdout;
    assert.ok(plain.includes(first['scoringUri'] ?? 'no uri') && !plain.includes(primaryKey));
    assert.ok((await call(['endpoints', 'colours', '--keys'])).stdout.includes(primaryKey));
    const unknown = await call(['endpoints', 'colour']);
    assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, /no online endpoint 'colour'[^]*colours/);

    const sync = ['sync-k8s-config-map', '--namespace', 'default', '--config-map-name', 'colours'];
    const synced = await call([
      ...sync,
      ...['--entries', 'ENDPOINT = endpoint:colours#scoringUri', '--entries', 'KEY = endpoint:colours#primaryKey'],
    ]);
    assert.equal(synced.code, 0, synced.stdout);
    assert.match(synced.stdout, /^\+ ENDPOINT: https:/m);
    assert.ok(!synced.stdout.includes(primaryKey));

    const back = await call(['rollback', '--endpoint-names', 'colours', '--reason', 'Wrong colours']);
    assert.equal(back.code, 0, back.stdout);
    assert.match((await call(['status'])).stdout, /colour:1 +100 %/);
    const again = await call(['rollback', '--endpoint-names', 'colours', '--to', '7', '--json']);
    assert.equal(again.code, 1);
    const result = JSON.parse(again.stdout) as { result: string; errors: { code: string; message: string }[] };
    assert.deepEqual([result.result, result.errors.length], ['failed', 1]);
  });

  it("signs in with the Azure CLI's login, and says so when there is none", async () => {
    const PATH = `${azDouble(join(cloud.folder, 'az'), cloud.cloud.description)}:${process.env['PATH'] ?? ''}`;
    const { AZURE_RESOURCE_GROUP, AZURE_WORKSPACE, NODE_EXTRA_CA_CERTS } = settings;
    const env = { PATH, AZURE_RESOURCE_GROUP, AZURE_WORKSPACE, NODE_EXTRA_CA_CERTS };
    const file = jobFile('by-az', 'echo trained');
    const ran = await guardian(['submit-training-job', '--job-file', file], { env, cwd: root });
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /^trained$/m);
    const out = await guardian(['endpoints'], { env: { ...env, AZ_LOGGED_OUT: '1' }, cwd: root });
    assert.equal(out.code, 1);
    assert.match(out.stderr, /az account show failed: Please run 'az login'/);
  });

  it('cancels the job with Ctrl-C', async () => {
    const job: { name?: string | undefined } = {};
    const file = jobFile('long', 'for n in $(seq 60); do echo tick; sleep 1; done');
    const ran = await call(['submit-training-job', '--jobFile', file], {
      onLine: (line, signal) => {
        job.name ??= /^Submitted job (\S+)/.exec(line)?.[1];
        if (line === 'tick') signal('SIGINT');
      },
    });
    assert.equal(ran.code, 130, ran.stdout);
    assert.match(ran.stdout, /^Cancelling: /m);
    const { properties } = await azure.read<{ properties: { status: string } }>(`jobs/${job.name ?? ''}`);
    assert.match(properties.status, /^Cancel/);
  });

  it('keeps the summary where it is asked to', async () => {
    const records = join(cloud.folder, 'records');
    const ran = await call(['submit-training-job', '--job-file', jobFile('kept', 'true'), '--records', records]);
    assert.equal(ran.code, 0, ran.stdout);
    assert.ok(readdirSync(records).some(name => /^Training job kept-.*\.md$/.test(name)));
  });
});
