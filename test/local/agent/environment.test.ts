import assert from 'node:assert/strict';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../../../local/agent/connection';
import type { RunTaskOptions, TaskRun } from '../../../local/agent/run-task';
import { TaskFixture } from './task-fixture';

const azure: Connection = {
  id: 'aaaaaaaa-1111-4000-8000-000000000001',
  name: 'my-azure',
  type: 'azurerm',
  url: 'https://arm.example/',
  scheme: 'ServicePrincipal',
  parameters: { tenantid: 'the-tenant', serviceprincipalid: 'the-client', serviceprincipalkey: 'the-key' },
  data: { subscriptionId: 'the-subscription', 'some.key x': 'v' },
};
const cluster: Connection = {
  ...azure,
  id: 'aaaaaaaa-1111-4000-8000-000000000002',
  name: 'my-cluster',
  type: 'kubernetes',
  scheme: 'Token',
  parameters: { apiToken: 'the-token' },
  data: {},
};

interface Shown {
  environment: Record<string, string>;
  cwd: string;
  args: string[];
  bytesOnStdin: number;
}

describe('what a task process is given', () => {
  let fixture: TaskFixture;
  let folders = 0;
  before(() => (fixture = new TaskFixture()));
  after(() => fixture.dispose());

  const show = async (
    inputs: Record<string, string>,
    change: Partial<RunTaskOptions> = {},
  ): Promise<Shown & { run: TaskRun }> => {
    const tempDir = join(fixture.folder, `temp-${folders++}`);
    const run = await fixture.run('ShowEnvironment', inputs, { tempDir, connections: [azure, cluster], ...change });
    assert.equal(run.result, 'Succeeded', run.lines.join('\n'));
    return { ...(JSON.parse(readFileSync(join(tempDir, 'environment.json'), 'utf8')) as Shown), run };
  };

  it('inputs: defaults, aliases, trimmed, with variables and environment put in', async () => {
    const { environment } = await show(
      { 'plain input': '  $(mine) $(HOME) $(unknown) \n', azureConnection: 'my-azure' },
      { variables: [{ name: 'mine', value: ' v ' }] },
    );
    assert.equal(environment['INPUT_PLAIN_INPUT'], ` v  ${process.env['HOME'] ?? ''} $(unknown)`);
    assert.equal(environment['INPUT_WITHDEFAULT'], 'of 1');
    assert.equal(environment['INPUT_FLAG'], 'true');
    assert.equal(environment['INPUT_CLUSTER'], '');
    assert.equal(environment['INPUT_AZURESUBSCRIPTION'], azure.id);
  });

  it('file inputs: absolute below the sources; an empty one is their root', async () => {
    const workDir = join(fixture.folder, 'sources');
    const { environment } = await show({ file: 'a/../b/job.yml' }, { workDir });
    assert.equal(environment['INPUT_FILE'], join(workDir, 'b/job.yml'));
    assert.equal(environment['INPUT_OTHERFILE'], workDir);
  });

  it('variables: public ones by name, secret ones apart, and the lists of both', async () => {
    const { environment } = await show(
      {},
      {
        variables: [
          { name: 'My.Var one', value: '1' },
          { name: 'my.secret', value: 'hidden-1', isSecret: true },
          { name: 'Kept', value: 'k', preserveCase: true },
        ],
      },
    );
    assert.equal(environment['MY_VAR_ONE'], '1');
    assert.equal(environment['SECRET_MY_SECRET'], 'hidden-1');
    assert.equal(environment['MY_SECRET'], undefined);
    assert.equal(environment['Kept'], 'k');
    const open = JSON.parse(environment['VSTS_PUBLIC_VARIABLES'] ?? '') as string[];
    assert.ok(open.includes('My.Var one') && open.includes('Build.BuildId') && !open.includes('my.secret'));
    assert.deepEqual(JSON.parse(environment['VSTS_SECRET_VARIABLES'] ?? ''), ['my.secret']);
    assert.equal(environment['Agent.JobStatus'], 'Succeeded');
    assert.equal(environment['AGENT_JOBSTATUS'], 'Succeeded');
  });

  it('connections: those that its inputs name, and the one to Azure DevOps', async () => {
    const { environment } = await show(
      { azureSubscription: 'my-azure' },
      { system: { url: 'https://devops.example/', accessToken: 'system-token' } },
    );
    const { id } = azure;
    assert.equal(environment[`ENDPOINT_URL_${id}`], 'https://arm.example/');
    assert.deepEqual(JSON.parse(environment[`ENDPOINT_AUTH_${id}`] ?? ''), {
      parameters: azure.parameters,
      scheme: 'ServicePrincipal',
    });
    assert.equal(environment[`ENDPOINT_AUTH_SCHEME_${id}`], 'ServicePrincipal');
    assert.equal(environment[`ENDPOINT_AUTH_PARAMETER_${id}_SERVICEPRINCIPALKEY`], 'the-key');
    assert.deepEqual(JSON.parse(environment[`ENDPOINT_DATA_${id}`] ?? ''), azure.data);
    assert.equal(environment[`ENDPOINT_DATA_${id}_SUBSCRIPTIONID`], 'the-subscription');
    assert.equal(environment[`ENDPOINT_DATA_${id}_SOME_KEY_X`], 'v');
    assert.equal(environment['ENDPOINT_URL_SYSTEMVSSCONNECTION'], 'https://devops.example/');
    assert.equal(environment['ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN'], 'system-token');
    assert.ok(!Object.keys(environment).some(name => name.includes(cluster.id)));
  });

  it('a connection by id as well; and one that is not there stops the launch', async () => {
    const byId = await show({ azureSubscription: azure.id });
    assert.equal(byId.environment['INPUT_AZURESUBSCRIPTION'], azure.id);
    for (const [name, message] of [
      ['not-there', /not-there in its input azureSubscription, which could not be found.*my-azure \(azurerm\)/],
      ['my-cluster', /takes a service connection of type AzureRM; my-cluster is of type kubernetes/],
    ] as const) {
      const run = await fixture.run('ShowEnvironment', { azureSubscription: name }, { connections: [azure, cluster] });
      assert.equal(run.result, 'Failed');
      assert.equal(run.exitCode, null);
      assert.match(run.issues[0]?.message ?? '', message);
    }
  });

  it('an input that the task has not stops the launch', async () => {
    const run = await fixture.run('ShowEnvironment', { azureSubscripton: 'x' });
    assert.match(run.issues[0]?.message ?? '', /no input 'azureSubscripton'.*azureSubscription/);
  });

  it('nothing of the runner’s own environment but what a machine has', async () => {
    process.env['GUARDIAN_TEST_LEAK'] = 'leaked';
    try {
      const { environment } = await show({}, { env: { NODE_EXTRA_CA_CERTS: '' } });
      assert.equal(environment['GUARDIAN_TEST_LEAK'], undefined);
      assert.equal(environment['NODE_EXTRA_CA_CERTS'], '');
      assert.equal(environment['PATH'], process.env['PATH']);
      assert.equal(environment['TF_BUILD'], 'True');
      const known = /^(INPUT|ENDPOINT|AGENT|Agent|BUILD|SYSTEM|PIPELINE|VSTS)[_.]|_PROXY$|_proxy$/;
      const others = Object.keys(environment).filter(name => !known.test(name));
      const allowed = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'TF_BUILD', 'NODE_EXTRA_CA_CERTS'];
      assert.deepEqual(
        others.filter(name => !allowed.includes(name)),
        [],
      );
    } finally {
      delete process.env['GUARDIAN_TEST_LEAK'];
    }
  });

  it('no arguments, no input, and the default working directory', async () => {
    const workDir = join(fixture.folder, 'cwd');
    const { cwd, args, bytesOnStdin } = await show({}, { workDir });
    assert.equal(cwd, realpathSync(workDir));
    assert.deepEqual(args, []);
    assert.equal(bytesOnStdin, 0);
  });

  it('connections’ secrets are masked, open parameters are not', async () => {
    const run = await fixture.speak(['the-key the-client the-token the-tenant'], { connections: [azure, cluster] });
    assert.deepEqual(run.lines, ['*** *** *** the-tenant']);
  });

  it('a restricted task sets and does what its task.json allows only', async () => {
    const run = await fixture.run('Restricted', {
      lines: [
        '##vso[task.setvariable variable=metric.accuracy]1',
        '##vso[task.setvariable variable=other]1',
        '##vso[task.uploadsummary]/etc/hosts',
      ].join('\n'),
    });
    assert.equal(run.result, 'Succeeded');
    assert.deepEqual(run.variables, { 'metric.accuracy': '1' });
    assert.deepEqual(run.summaries, []);
    assert.match(
      run.issues.map(issue => issue.message).join('\n'),
      /'other' is not allowed[\s\S]*uploadsummary\] is not allowed/,
    );
  });
});
