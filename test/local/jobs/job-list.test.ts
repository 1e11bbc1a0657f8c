import assert from 'node:assert/strict';
import { errorOf, JobFixture, type ShownJob } from './job-fixture';

interface Page {
  value: ShownJob[];
  nextLink?: string;
}

describe('local Azure: jobs as resources', () => {
  let jobs: JobFixture;
  before(async () => {
    jobs = await JobFixture.start();
  });
  after(() => jobs.end());

  const list = async (query = ''): Promise<string[]> =>
    ((await jobs.arm('GET', `/jobs?${query}`)).json as Page).value.map(job => job.name);

  it('lists jobs newest first, by pages, and filtered', async () => {
    // One that fails at once costs no process; there have to be more than a page.
    await jobs.arm('PUT', '/environments/broken/versions/1', {
      properties: { image: 'ubuntu', condaFile: 'dependencies: ["mkl=2024=h123_0"]' },
    });
    const environmentId = `${jobs.azure.workspaceId}/environments/broken/versions/1`;
    const count = 105;
    const names = Array.from({ length: count }, (_unused, index) => `many-${String(index).padStart(3, '0')}`);
    for (const [index, name] of names.entries()) {
      await jobs.submit(
        name,
        jobs.command('true', {
          environmentId,
          tags: { half: index % 2 === 0 ? 'even' : 'odd' },
          properties: { kind: `k${index % 3}` },
        }),
      );
    }
    const found: string[] = [];
    const sizes: number[] = [];
    for (let link: string | undefined = `${jobs.azure.workspaceId}/jobs?api-version=2023-10-01`; link !== undefined;) {
      const page: Page = (await jobs.azure.call('GET', link, { token: jobs.token })).json as Page;
      found.push(...page.value.map(job => job.name));
      sizes.push(page.value.length);
      link = page.nextLink;
    }
    assert.deepEqual(sizes, [100, 5]);
    assert.deepEqual(found, [...names].reverse());
    assert.equal((await list('tag=half=odd&$top=1000')).length, 52);
    assert.deepEqual(await list('properties=kind=k1&$top=2'), ['many-103', 'many-100']);
    assert.deepEqual(await list('jobType=Sweep'), []);
    assert.deepEqual(await list('scheduled=true'), []);
    const byClient: (string | undefined)[] = [];
    for await (const job of jobs.azure.client().jobs.list(...jobs.azure.names)) byClient.push(job.name);
    assert.equal(byClient.length, count);
    await jobs.ended(names[count - 1] ?? '');
  });

  it('changes the words of a job that is there by PUT, and never runs it again', async () => {
    await jobs.submit('words', jobs.command('echo once', { tags: { a: '1' }, displayName: 'First' }));
    await jobs.ended('words');
    const answer = await jobs.put('words', {
      ...jobs.command('echo twice'),
      displayName: 'Second',
      description: 'what it was for',
      tags: { b: '2' },
      properties: { reviewed: 'yes' },
      isArchived: true,
    });
    assert.equal(answer.status, 200);
    const { properties } = await jobs.job('words');
    assert.equal(properties.displayName, 'Second');
    assert.equal(properties.description, 'what it was for');
    assert.deepEqual(properties.tags, { a: '1', b: '2' });
    assert.equal(properties.properties.reviewed, 'yes');
    assert.equal(properties.isArchived, true);
    assert.equal(properties.command, 'echo once');
    assert.ok(!(await list('$top=1000')).includes('words'));
    assert.deepEqual(await list('listViewType=ArchivedOnly'), ['words']);
    assert.equal(await jobs.log('words'), 'once\n');
  });

  it('deletes a job that has ended, with its children and what they left', async () => {
    await jobs.submit('gone', jobs.sweep('echo x > outputs/file', { seed: ['choice', [[1, 2]]] }));
    assert.equal((await jobs.arm('DELETE', '/jobs/gone')).status, 409);
    await jobs.ended('gone');
    const answer = await jobs.arm('DELETE', '/jobs/gone');
    assert.equal(answer.status, 202);
    assert.equal(await jobs.finished(answer), 'Succeeded');
    assert.equal((await jobs.arm('GET', '/jobs/gone')).status, 404);
    assert.equal((await jobs.history('GET', '/runs/gone_1')).status, 404);
    assert.equal((await jobs.arm('DELETE', '/jobs/gone')).status, 204);
    // Its name is free again.
    await jobs.submit('gone', jobs.command('true'));
    assert.equal((await jobs.ended('gone')).status, 'Completed');
  });

  it('keeps and shows what has no effect on one machine: services, identity, queue settings, notifications', async () => {
    const recorded = {
      services: { shell: { jobServiceType: 'SSH', properties: { sshPublicKeys: 'ssh-rsa AAAA' } } },
      identity: { identityType: 'AMLToken' },
      queueSettings: { jobTier: 'Standard' },
      notificationSetting: { emailOn: ['JobFailed'], emails: ['team@example.com'] },
    };
    await jobs.submit('recorded', jobs.command('true', recorded));
    const { properties } = await jobs.job('recorded');
    assert.deepEqual(properties.identity, recorded.identity);
    assert.deepEqual(properties.queueSettings, recorded.queueSettings);
    assert.deepEqual(properties.notificationSetting, recorded.notificationSetting);
    const services = properties.services as Record<string, { jobServiceType: string; endpoint: string | null }>;
    assert.equal(services.shell?.jobServiceType, 'SSH');
    assert.match(services.Studio?.endpoint ?? '', /^https:\/\/ml\.azure\.com\/runs\/recorded/);
    await jobs.ended('recorded');
  });

  const refused: [what: string, body: unknown, target: string | undefined, message: RegExp][] = [
    ['a body that is no JSON', '{"properties":', undefined, /not valid JSON/],
    ['no properties', {}, 'jobType', /jobType field is required/],
    ['properties of another type', { properties: [] }, 'properties', /must be an object/],
    ['AutoML', { properties: { jobType: 'AutoML' } }, 'jobType', /'AutoML' are not supported by local Azure/],
    ['Spark', { properties: { jobType: 'Spark' } }, 'jobType', /'Spark' are not supported by local Azure/],
    [
      'a job without a command',
      { properties: { jobType: 'Command', environmentId: 'azureml:shell:1' } },
      'command',
      /command field is required/,
    ],
    [
      'a job without an environment',
      { properties: { jobType: 'Command', command: 'true' } },
      'environmentId',
      /environmentId field is required/,
    ],
  ];
  for (const [what, body, target, message] of refused) {
    it(`refuses ${what}`, async () => {
      const answer = await jobs.azure.call('PUT', `${jobs.azure.workspaceId}/jobs/refused?api-version=2023-10-01`, {
        token: jobs.token,
        body,
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(answer.status, 400, answer.text);
      assert.equal(errorOf(answer).target, target);
      assert.match(errorOf(answer).message, message);
    });
  }

  const fields: [field: string, value: unknown, target: string][] = [
    ['command', 5, 'command'],
    ['tags', ['a'], 'tags'],
    ['environmentVariables', { A: {} }, 'environmentVariables.A'],
    ['inputs', { x: 'y' }, 'inputs.x'],
    ['inputs', { 'a b': { jobInputType: 'literal', value: '1' } }, 'inputs.a b'],
    ['inputs', { x: { jobInputType: 'uri_folder' } }, 'inputs.x.uri'],
    ['inputs', { x: { jobInputType: 'literal', value: 1 } }, 'inputs.x.value'],
    ['inputs', { x: { jobInputType: 'uri_file', uri: 'a', mode: 'EvalMount' } }, 'inputs.x.mode'],
    ['outputs', { x: { jobOutputType: 'table' } }, 'outputs.x.jobOutputType'],
    ['resources', { instanceCount: 0 }, 'resources.instanceCount'],
    ['resources', { dockerArgs: '--privileged' }, 'resources.dockerArgs'],
    ['limits', { jobLimitsType: 'Command', timeout: '30' }, 'limits.timeout'],
    [
      'distribution',
      { distributionType: 'PyTorch', processCountPerInstance: 1.5 },
      'distribution.processCountPerInstance',
    ],
    ['codeId', 'azureml:none:1', 'codeId'],
  ];
  for (const [field, value, target] of fields) {
    it(`refuses ${field} ${JSON.stringify(value)}, naming ${target}`, async () => {
      const answer = await jobs.put('refused', jobs.command('true', { [field]: value }));
      assert.equal(answer.status, 400, answer.text);
      assert.equal(errorOf(answer).target, target);
    });
  }

  it('refuses names that are too long or hold other characters', async () => {
    for (const name of ['x'.repeat(256), 'a%20b', '..%2Fescape', '-dash'])
      assert.equal((await jobs.put(name, jobs.command('true'))).status, 400, name);
  });
});
