import assert from 'node:assert/strict';
import { WebApi, getBearerHandler } from 'azure-devops-node-api';
import { BuildResult, BuildStatus, TaskResult } from 'azure-devops-node-api/interfaces/BuildInterfaces';
import { pipelineService } from '../../../local/azure/devops/pipeline-service';
import { AzureFixture } from '../azure/azure-fixture';
import { PipelineFixture } from '../pipeline/pipeline-fixture';

const project = 'guardian-ai';

describe('local Azure DevOps: a run of a pipeline', () => {
  let azure: AzureFixture;
  let fixture: PipelineFixture;
  before(async () => {
    fixture = new PipelineFixture();
    azure = await AzureFixture.start();
  });
  after(async () => {
    fixture.dispose();
    await azure.end();
  });

  it('is a build with tags, timeline, attachments and artifacts, to which its own steps can write over REST', async () => {
    const { devops, systemAccessToken, certificate } = azure.azure;
    const { collectionUri } = devops.organization;
    const service = pipelineService(devops);
    fixture.write({ 'report.md': '# All is well\n', 'model/weights.txt': 'w' });
    fixture.write({
      'tag.mjs': `
        const { TAGS, SYSTEM_ACCESSTOKEN } = process.env;
        const headers = { authorization: 'Bearer ' + SYSTEM_ACCESSTOKEN };
        const answer = await fetch(TAGS + '/from%20REST?api-version=7.1', { method: 'PUT', headers });
        process.exitCode = answer.ok ? 0 : 1;`,
    });
    const run = await fixture.run(
      `
name: build-$(Rev:r)
steps:
  - script: |
      echo "##vso[build.addbuildtag]from the log"
      echo "##vso[task.uploadsummary]$(Build.SourcesDirectory)/report.md"
    displayName: Tag and report
  - script: node tag.mjs
    displayName: Write over REST
    env:
      SYSTEM_ACCESSTOKEN: $(System.AccessToken)
      TAGS: $(System.CollectionUri)$(System.TeamProject)/_apis/build/builds/$(Build.BuildId)/tags
  - publish: $(Build.SourcesDirectory)/model
    artifact: model
  - script: exit 3
    displayName: Fail
`,
      {
        project: {
          ...fixture.project,
          name: project,
          collectionUri,
          accessToken: systemAccessToken,
          environmentVariables: { NODE_EXTRA_CA_CERTS: certificate.caFile },
          openRun: start => service.openRun(start),
        },
      },
    );
    assert.equal(run.result, 'Failed', fixture.lines.join('\n'));
    assert.deepEqual(run.buildTags, ['from the log', 'from REST']);

    const api = new WebApi(collectionUri, getBearerHandler(systemAccessToken), {
      cert: { caFile: certificate.caFile },
    });
    const builds = await api.getBuildApi();
    const build = await builds.getBuild(project, run.buildId);
    assert.deepEqual(
      [build.status, build.result, build.buildNumber, build.tags],
      [BuildStatus.Completed, BuildResult.Failed, run.buildNumber, ['from the log', 'from REST']],
    );
    const { records = [] } = await builds.getBuildTimeline(project, run.buildId);
    const tasks = records.filter(record => record.type === 'Task');
    assert.deepEqual(
      tasks.map(record => [record.name, record.result]),
      run.stages[0]?.jobs[0]?.steps.map(({ displayName, result }) => [displayName, TaskResult[result as 'Failed']]),
    );
    assert.deepEqual(tasks.at(-1)?.result, TaskResult.Failed);
    const [job] = records.filter(record => record.type === 'Job');
    assert.ok(tasks.every(record => record.parentId === job?.id));
    assert.deepEqual(
      (await builds.getArtifacts(project, run.buildId)).map(artifact => artifact.name),
      ['model'],
    );
    const [summary] = await builds.getAttachments(project, run.buildId, 'Distributedtask.Core.Summary');
    assert.equal(summary?.name, 'report.md');
  });

  it('finds variable groups as they were changed over REST', () => {
    const service = pipelineService(azure.azure.devops);
    const { variableGroups } = azure.azure.devops;
    assert.deepEqual(service.variableGroups({ shared: { region: 'eastus' } }), { shared: { region: 'eastus' } });
    assert.deepEqual(service.variableGroups({ shared: { region: 'westus' } }), { shared: { region: 'westus' } });
    const [group] = variableGroups.list();
    variableGroups.replace(group!.id, { name: 'shared', description: '', variables: { region: { value: 'north' } } });
    assert.deepEqual(service.variableGroups({ shared: { region: 'eastus' } }), { shared: { region: 'north' } });
  });
});
