import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunTaskOptions, TaskRun } from '../../local/agent/run-task';
import { TestCloud } from '../support/local-cloud';
import { failed, log, succeeded } from './outcome';

describe('RegisterModel', function () {
  this.timeout(120_000);
  let cloud: TestCloud;
  let folder: string;

  before(async () => {
    cloud = await TestCloud.start();
    folder = mkdtempSync(join(tmpdir(), 'guardian-register-'));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await cloud.stop();
  });

  /** A folder that holds a model of this content. */
  function modelOf(content: string): string {
    const path = join(folder, `model-${content}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'model.onnx'), content);
    return path;
  }
  function register(
    modelName: string,
    content: string,
    more: Record<string, string> = {},
    build: Partial<RunTaskOptions> = { variables: [{ name: 'Build.BuildId', value: content }] },
  ): Promise<TaskRun> {
    return cloud.runTask(
      'RegisterModel',
      {
        azureSubscription: 'guardian-azure-connection',
        resourceGroup: 'guardian-ai-prod',
        workspaceName: 'guardian-ai-ml-workspace-prod',
        modelName,
        modelSource: 'localPath',
        localPath: modelOf(content),
        ...more,
      },
      build,
    );
  }
  const inRegistry = (name: string, version: string): string =>
    `azureml://registries/guardian-registry/models/${name}/versions/${version}`;
  const withRegistry = { registryName: 'guardian-registry' };

  describe('with a registry', () => {
    it('shares the version with its number, description and tags; the same again shares nothing', async () => {
      const more = { ...withRegistry, description: 'for all teams', tags: 'team=guardian' };
      const first = succeeded(await register('shared', 'one', more));
      assert.equal(first.outputs['registryModelId'], inRegistry('shared', '1'));
      assert.match(
        first.summaries.join(),
        /In the registry: `azureml:\/\/registries\/guardian-registry\/models\/shared/,
      );
      const again = succeeded(await register('shared', 'one', more));
      assert.deepEqual(
        [again.outputs['isNew'], again.outputs['registryModelId']],
        ['false', inRegistry('shared', '1')],
      );
      assert.match(log(again), /has this content already: nothing to share/);
    });

    it('takes the next number when another workspace’s version has its own', async () => {
      succeeded(await register('contested', 'ours'));
      succeeded(await register('contested', 'second', withRegistry));
      // Its number in the workspace is 1, which is free; 2 was shared before it.
      const late = succeeded(await register('contested', 'ours', withRegistry));
      assert.equal(late.outputs['registryModelId'], inRegistry('contested', '1'));
      // Deleted here, but not there: the workspace counts on, and the registry has another content under a number of its own.
      const third = succeeded(await register('contested', 'third', withRegistry));
      assert.equal(third.outputs['registryModelId'], inRegistry('contested', '3'));
    });

    it('registers in the workspace only what a gate refuses, and says so', async () => {
      const run = await register('refused', 'bad', {
        ...withRegistry,
        aliases: 'champion',
        metricGates: 'accuracy >= 0.9',
        onGateFailure: 'registerRejected',
      });
      assert.match(failed(run), /is registered with the tag guardian\.rejected/);
      assert.equal(run.outputs['modelVersion'], '1');
      assert.equal(run.outputs['registryModelId'], undefined);
      assert.doesNotMatch(log(run), /alias champion leads/);
    });

    it('says what is wrong when there is no such registry; the plan tells without writing', async () => {
      const missing = await register('nowhere', 'one', { registryName: 'other-registry' });
      assert.match(failed(missing), /no registry 'other-registry' \(registryName\).*AzureML Registry User/);
      const plan = succeeded(
        await register('planned', 'one', { ...withRegistry, aliases: 'champion', whatIf: 'true' }),
      );
      assert.match(log(plan), /Would share it with the registry 'guardian-registry'/);
      assert.match(log(plan), /Would move to it: champion\./);
      assert.equal(plan.outputs['modelVersion'], undefined);
    });
  });

  describe('in a build of a pull request', () => {
    let pull: number;
    let repository: string;
    before(() => {
      const { pullRequests } = cloud.cloud.devops;
      repository = pullRequests.ensureRepository('guardian').id;
      const branches = { sourceRefName: 'refs/heads/more', targetRefName: 'refs/heads/main' };
      pull = pullRequests.add({ repositoryId: repository, title: 'Train on more', ...branches }).id;
    });
    const threads = () => cloud.cloud.devops.pullRequests.get(pull).threads;
    function compare(
      modelName: string,
      content: string,
      more: Record<string, string> = {},
      build = 31,
    ): Promise<TaskRun> {
      const facts = {
        'System.PullRequest.PullRequestId': String(pull),
        'Build.Repository.ID': repository,
        'Build.Repository.Provider': 'TfsGit',
      };
      return register(modelName, content, more, cloud.inBuild(build, facts));
    }
    const gate = { metricGates: 'accuracy >= 0.9', onInconclusive: 'warn' };

    it('says in one comment what came of each model, and later runs edit it', async () => {
      succeeded(await compare('commented', 'one', { ...gate, whatIf: 'true' }));
      const [first] = threads();
      assert.match(
        first?.comments[0]?.content ?? '',
        /## Model commented\n\n⚠️ \*\*inconclusive\*\*: commented would be registered/,
      );
      assert.match(
        first?.comments[0]?.content ?? '',
        /\| accuracy \\>= 0\.9 \| inconclusive \| the metric accuracy was not logged/,
      );
      assert.equal(first?.status, 'active', 'in doubt, so it stays open');
      // Two jobs of one build at the same time: neither loses what the other wrote.
      const both = await Promise.all([compare('commented', 'one', {}, 32), compare('other', 'two', {}, 32)]);
      both.forEach(run => succeeded(run));
      assert.equal(threads().length, 1);
      const [{ comments, status } = { comments: [], status: undefined }] = threads();
      assert.equal(comments.length, 1);
      const text = comments[0]?.content ?? '';
      assert.match(
        text,
        /## Model commented\n\ncommented:1 is registered \(\[build 20260301\.32\]\(https:.*buildId=32\)\)/,
      );
      assert.match(text, /## Model other\n\nother:1 is registered/);
      assert.doesNotMatch(text, /inconclusive/);
      assert.equal(status, 'fixed');
    });

    it('goes on with a warning that names the permission when it may not comment', async () => {
      const { organization } = cloud.cloud.devops;
      const before = JSON.stringify(threads());
      organization.setPermission('PullRequestContribute', false);
      try {
        const run = succeeded(await compare('silent', 'three'));
        assert.deepEqual(
          run.issues.map(({ type }) => type),
          ['warning'],
        );
        assert.match(run.issues[0]?.message ?? '', /HTTP 403, TF401027.*"Contribute to pull requests"/);
        assert.equal(run.outputs['modelVersion'], '1');
      } finally {
        organization.setPermission('PullRequestContribute', true);
      }
      assert.equal(JSON.stringify(threads()), before);
    });

    it('says nothing there when it is not asked to, and attaches its report all the same', async () => {
      const before = JSON.stringify(threads());
      const run = succeeded(await compare('quiet', 'four', { pullRequestComment: 'false' }));
      assert.equal(JSON.stringify(threads()), before);
      assert.deepEqual(
        run.commands.filter(({ event }) => event === 'addattachment').map(({ properties }) => properties),
        [{ type: 'guardian-mlops.report', name: 'RegisterModel-Model-quiet.json' }],
      );
    });
  });

  describe('with aliases', () => {
    const metrics = (accuracy: number): Record<string, string> => ({ tags: `metric.accuracy=${accuracy}` });

    it('moves them to the new version, from which gates then read the champion', async () => {
      const none = succeeded(await register('aliased', 'first', { ...metrics(0.9), aliases: 'champion, candidate' }));
      assert.match(log(none), /The alias champion leads to aliased:1\./);
      // A local folder has no metrics of a job, so a gate that compares cannot be judged: but it names the champion that it found.
      const gates = { metricGates: 'accuracy >= champion', championVersion: '@champion' };
      const judged = await register('aliased', 'second', { ...metrics(0.95), ...gates, aliases: 'champion' });
      assert.match(log(judged), /The champion is aliased:1\./);
      failed(judged);
      succeeded(await register('aliased', 'third', { aliases: 'champion' }));
      const after = await register('aliased', 'fourth', gates);
      assert.match(log(after), /The champion is aliased:2\./);
    });

    it('has no champion while nothing has the alias', async () => {
      const run = await register('aliased', 'fifth', {
        metricGates: 'accuracy >= champion',
        championVersion: '@nobody',
        onInconclusive: 'warn',
      });
      assert.match(log(run), /There is no champion yet to compare with\./);
    });

    it('refuses what is no alias', async () => {
      const run = await register('aliased', 'first', { aliases: 'good, v3, a/b' });
      assert.match(failed(run), /"v3", which MLflow keeps[\s\S]*"a\/b": letters/);
    });
  });

  it('gives 20 runs at once 20 versions, each holding what its run had', async () => {
    const contents = Array.from({ length: 20 }, (_, index) => `racing-${index}`);
    const runs = await Promise.all(contents.map(content => register('racing', content)));
    const versions = runs.map(run => succeeded(run).outputs['modelVersion']);
    assert.equal(new Set(versions).size, 20);
    for (const [index, content] of contents.entries()) {
      const again = succeeded(await register('racing', content, { whatIf: 'true' }));
      assert.match(log(again), new RegExp(`version ${versions[index]} of the model 'racing' has the same content`));
    }
  });
});
