import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { WebApi, getBasicHandler, getBearerHandler, getPersonalAccessTokenHandler } from 'azure-devops-node-api';
import { BuildResult, BuildStatus } from 'azure-devops-node-api/interfaces/BuildInterfaces';
import { CommentThreadStatus, CommentType } from 'azure-devops-node-api/interfaces/GitInterfaces';
import type { Build } from '../../../local/azure/devops/builds';
import { AzureFixture } from '../azure/azure-fixture';

const project = 'guardian-ai';

describe('local Azure DevOps, through azure-devops-node-api', () => {
  let fixture: AzureFixture;
  let api: WebApi;
  let build: Build;
  const connect = (handler = getBearerHandler(fixture.azure.systemAccessToken)): WebApi =>
    new WebApi(fixture.azure.devops.organization.collectionUri, handler, {
      cert: { caFile: fixture.azure.certificate.caFile },
      allowRetries: false,
    });
  before(async () => {
    fixture = await AzureFixture.start();
    api = connect();
    build = fixture.azure.devops.builds.start({
      id: 7,
      buildNumber: '20260101.7',
      planId: '44444444-4444-4444-8444-444444444444',
      definition: 'train',
      sourceBranch: 'refs/heads/main',
      sourceVersion: 'a'.repeat(40),
      repositoryId: 'guardian',
    });
  });
  after(() => fixture.end());
  const rejectsWith = (promise: Promise<unknown>, statusCode: number, text: RegExp): Promise<void> =>
    assert.rejects(promise, (error: Error & { statusCode?: number }) => {
      assert.equal(error.statusCode, statusCode);
      assert.match(error.message, text);
      return true;
    });

  it('lets the pipeline in with its token, as bearer, as password and as personal access token', async () => {
    const token = fixture.azure.systemAccessToken;
    for (const handler of [
      getBearerHandler(token),
      getBasicHandler('any', token),
      getPersonalAccessTokenHandler(token),
    ]) {
      const data = await connect(handler).connect();
      assert.equal(data.authenticatedUser?.providerDisplayName, 'guardian-ai Build Service (guardian)');
    }
    await rejectsWith((await connect().getBuildApi()).getBuild('another-project', 7), 404, /never/).catch(
      (error: unknown) => {
        // The client turns every 404 into null.
        assert.match(String(error), /Missing expected rejection/);
      },
    );
    await rejectsWith(connect(getBearerHandler('wrong')).connect(), 401, /TF400813/);
  });

  it('shows a build and keeps its tags', async () => {
    const builds = await api.getBuildApi();
    const shown = await builds.getBuild(project, 7);
    assert.equal(shown.status, BuildStatus.InProgress);
    assert.equal(shown.definition?.name, 'train');
    assert.deepEqual(await builds.addBuildTag(project, 7, 'nsfw-detector:1'), ['nsfw-detector:1']);
    assert.deepEqual(await builds.addBuildTags(['a', 'A', 'b/c d'], project, 7), ['nsfw-detector:1', 'a', 'b/c d']);
    assert.deepEqual(await builds.deleteBuildTag(project, 7, 'A'), ['nsfw-detector:1', 'b/c d']);
    assert.deepEqual(await builds.getBuildTags(project, 7), ['nsfw-detector:1', 'b/c d']);
    fixture.azure.devops.builds.change(7, { result: 'succeeded' });
    const ended = await builds.getBuild(project, 7);
    assert.deepEqual([ended.status, ended.result], [BuildStatus.Completed, BuildResult.Succeeded]);
    assert.equal(await builds.getBuild(project, 8), null);
  });

  it('takes rows of the timeline and attachments from a task, and gives them back with the build', async () => {
    const tasks = await api.getTaskApi();
    const builds = await api.getBuildApi();
    const { planId, timelineId } = build;
    const recordId = '55555555-5555-4555-8555-555555555555';
    await tasks.updateRecords(
      { count: 1, value: [{ id: recordId, name: 'Train', type: 'Task', percentComplete: 40 }] },
      project,
      'build',
      planId,
      timelineId,
    );
    const timeline = await builds.getBuildTimeline(project, 7);
    assert.deepEqual(
      timeline.records?.map(record => [record.id, record.name, record.percentComplete]),
      [[recordId, 'Train', 40]],
    );
    const content = Buffer.from('# 42 %\n');
    await tasks.createAttachment(
      { 'Content-Length': content.length, 'Content-Type': 'application/octet-stream' },
      Readable.from(content),
      project,
      'build',
      planId,
      timelineId,
      recordId,
      'guardian.report',
      'report.md',
    );
    const [attachment] = await builds.getAttachments(project, 7, 'guardian.report');
    assert.equal(attachment?.name, 'report.md');
    const stream = await builds.getAttachment(project, 7, timelineId, recordId, 'guardian.report', 'report.md');
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    assert.equal(text, '# 42 %\n');
    assert.equal((await tasks.getPlanAttachments(project, 'build', planId, 'guardian.report')).length, 1);
  });

  it('issues ID tokens through the task API', async () => {
    const tasks = await api.getTaskApi();
    const { planId } = build;
    const given = await tasks.createOidcToken(
      {},
      project,
      'build',
      planId,
      planId,
      'a5d6e1c4-3f5b-4c0e-9d43-2f1c5b8e7a01',
    );
    const [, claims = ''] = (given.oidcToken ?? '').split('.');
    const { sub, aud } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sub: string; aud: string };
    assert.deepEqual([sub, aud], ['sc://guardian/guardian-ai/guardian-azure-connection', 'api://AzureADTokenExchange']);
  });

  it('keeps one comment of a pull request up to date', async () => {
    const git = await api.getGitApi();
    const { pullRequests } = fixture.azure.devops;
    const repository = pullRequests.ensureRepository('guardian');
    const created = await git.createPullRequest(
      { title: 'Train on more', sourceRefName: 'refs/heads/more', targetRefName: 'refs/heads/main' },
      repository.id,
      project,
    );
    const id = created.pullRequestId ?? 0;
    const thread = await git.createThread(
      {
        comments: [{ content: 'accuracy 0.91', commentType: CommentType.Text, parentCommentId: 0 }],
        status: CommentThreadStatus.Active,
        properties: { 'guardian.report': 'nsfw-detector' },
      },
      'guardian',
      id,
      project,
    );
    const threadId = thread.id ?? 0;
    const commentId = thread.comments?.[0]?.id ?? 0;
    await git.updateComment({ content: 'accuracy 0.95' }, 'guardian', id, threadId, commentId, project);
    await git.createComment(
      { content: 'second', commentType: CommentType.Text, parentCommentId: 1 },
      'guardian',
      id,
      threadId,
      project,
    );
    await git.updateThread({ status: CommentThreadStatus.Fixed }, 'guardian', id, threadId, project);
    const [read] = await git.getThreads('guardian', id, project);
    assert.ok(read);
    assert.deepEqual(
      read.comments?.map(comment => comment.content),
      ['accuracy 0.95', 'second'],
    );
    assert.equal(read.status, CommentThreadStatus.Fixed);
    assert.deepEqual(read.properties, { 'guardian.report': { $type: 'System.String', $value: 'nsfw-detector' } });
    assert.equal((await git.getPullRequestById(id, project)).title, 'Train on more');

    fixture.azure.devops.organization.setPermission('PullRequestContribute', false);
    try {
      await rejectsWith(
        git.createThread({ comments: [{ content: 'x' }] }, 'guardian', id, project),
        403,
        /^TF401027: .*PullRequestContribute/,
      );
    } finally {
      fixture.azure.devops.organization.setPermission('PullRequestContribute', true);
    }
  });

  it('keeps files of a pull request under their names, of which there is one each', async () => {
    const git = await api.getGitApi();
    const { pullRequests } = fixture.azure.devops;
    const repository = pullRequests.ensureRepository('guardian');
    const branches = { sourceRefName: 'refs/heads/files', targetRefName: 'refs/heads/main' };
    const { id } = pullRequests.add({ repositoryId: repository.id, title: 'Files', ...branches });
    const attach = () =>
      git.createAttachment({}, Readable.from([Buffer.from('png')]), 'a b.png', 'guardian', id, project);
    const made = await attach();
    assert.match(made.url ?? '', /\/attachments\/a%20b\.png$/);
    const [listed] = await git.getAttachments('guardian', id, project);
    assert.equal(listed?.displayName, 'a b.png');
    let text = '';
    for await (const chunk of await git.getAttachmentContent('a b.png', 'guardian', id, project)) text += String(chunk);
    assert.equal(text, 'png');
    await rejectsWith(attach(), 400, /already exists/);
  });

  it('answers the questions of browsers that show pages of extensions, before they sign in', async () => {
    const headers = { origin: 'https://guardian-ai.gallerycdn.vsassets.io', 'access-control-request-method': 'GET' };
    const answer = await fixture.call('OPTIONS', `/_devops/${project}/_apis/build/builds/7`, { headers });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['access-control-allow-origin'], headers.origin);
    assert.match(String(answer.headers['access-control-allow-headers']), /authorization/);
  });

  it('gives variable groups without their secrets, and keeps a secret that is not sent again', async () => {
    const { variableGroups } = fixture.azure.devops;
    variableGroups.seed('guardian', { COLOUR: { value: 'red' }, KEY: { value: 'hidden', isSecret: true } });
    const agents = await api.getTaskAgentApi();
    const [group] = await agents.getVariableGroups(project, 'guardian');
    assert.ok(group);
    const { id = 0, variables } = group;
    assert.deepEqual({ ...variables }, { COLOUR: { value: 'red' }, KEY: { value: null, isSecret: true } });
    await agents.updateVariableGroup(
      { name: 'guardian', type: 'Vsts', variables: { ...variables, COLOUR: { value: 'blue' } } },
      id,
    );
    assert.deepEqual(variableGroups.forRuns(), {
      guardian: { COLOUR: 'blue', KEY: { value: 'hidden', isSecret: true } },
    });
  });

  it('answers bad requests in its own form', async () => {
    const token = fixture.azure.systemAccessToken;
    const ask = async (
      method: string,
      path: string,
      o: Parameters<AzureFixture['call']>[2] = { token },
    ): Promise<string> => {
      const { status, json } = await fixture.call(method, `/_devops/${project}/_apis/${path}`, o);
      return `${status} ${(json as { typeKey?: string }).typeKey ?? ''}`;
    };
    const json = { 'content-type': 'application/json' };
    assert.equal(await ask('GET', 'build/builds/abc'), '400 VssPropertyValidationException');
    assert.equal(await ask('GET', 'build/builds/99'), '404 BuildNotFoundException');
    assert.equal(await ask('GET', 'wit/workitems/1'), '404 VssResourceNotFoundException');
    assert.equal(await ask('GET', 'wit/workitems/1', {}), '401 UnauthorizedRequestException');
    assert.equal(
      await ask('POST', 'build/builds/7/tags?api-version=7.1', { token, body: '{', headers: json }),
      '400 VssPropertyValidationException',
    );
    assert.equal(
      await ask('POST', 'build/builds/7/tags?api-version=7.1', { token, body: { a: 1 } }),
      '400 VssPropertyValidationException',
    );
  });

  it('wants an api-version where something is written, and knows the preview', async () => {
    const put = async (query: string): Promise<string> => {
      const answer = await fixture.call('PUT', `/_devops/${project}/_apis/build/builds/7/tags/x${query}`, {
        token: fixture.azure.systemAccessToken,
      });
      return `${answer.status} ${(answer.json as { typeKey?: string }).typeKey ?? ''}`;
    };
    assert.equal(await put(''), '400 VssVersionNotSpecifiedException');
    assert.equal(await put('?api-version=9.0'), '400 VssVersionOutOfRangeException');
    assert.equal(await put('?api-version=7.2'), '400 VssInvalidPreviewVersionException');
    assert.equal(await put('?api-version=7.1'), '200 ');
  });
});
