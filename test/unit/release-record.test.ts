import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { releaseRecord, schemaFile, schemaText } from '../../scripts/release-record';
import { deploy } from '../../tasks/DeployOnlineEndpoint/deploy';
import { registerInto } from '../../tasks/RegisterModel/register-model';
import { rollback } from '../../tasks/Rollback/rollback';
import { fakeConnection, FakeHost } from '../support/fake-host';
import { FakeAzure, fakeHost } from './tasks/deploy-fake-azure';
import { deployInputs } from './tasks/deploy-inputs-fixture';
import { FakeWorkspace } from './tasks/submit-fake-workspace';

const variables = { 'Build.BuildId': '7', 'Build.SourceVersion': 'abc', 'Build.SourceBranch': 'refs/heads/main' };
const target = {
  connection: fakeConnection(),
  resourceGroup: 'rg',
  workspaceName: 'ws',
  pullRequestComment: false,
  whatIf: false,
};

function check(content: string): z.output<typeof releaseRecord> {
  const parsed = releaseRecord.safeParse(JSON.parse(content));
  assert.ok(parsed.success, parsed.success ? '' : z.prettifyError(parsed.error));
  return parsed.data;
}

describe('release-record.json', () => {
  it('has a schema in docs/ that scripts/release-record.ts wrote', () =>
    assert.equal(readFileSync(schemaFile, 'utf8'), schemaText(), 'run npx tsx scripts/release-record.ts'));

  it('is as the schema has it when a model is registered', async () => {
    const host = new FakeHost({ variables });
    const gating = {
      gates: [],
      champion: undefined,
      minimumSample: undefined,
      onInconclusive: 'fail',
      onGateFailure: 'refuse',
    } as const;
    await registerInto(
      new FakeWorkspace().workspace,
      {
        ...target,
        modelName: 'detector',
        source: { kind: 'uri', uri: 'https://storage.example/m' },
        modelType: 'custom_model',
        description: undefined,
        tags: {},
        properties: {},
        stage: undefined,
        gating,
        aliases: [],
        registryName: undefined,
      },
      host,
    );
    assert.equal(check(host.artifacts[0]!.content).model?.name, 'detector');
  });

  it('is as the schema has it when an endpoint is deployed to and rolled back', async () => {
    const azure = new FakeAzure();
    azure.environments.add('own-runtime:1');
    const host = fakeHost(variables);
    for (const version of ['1', '2'])
      await deploy(deployInputs({ modelVersion: version }), azure.workspace, join(__dirname, 'none'), host);
    await rollback(
      {
        ...target,
        endpoints: new Map([[deployInputs({}).endpointName, 'previous']]),
        drill: false,
        reason: 'too many',
        config: undefined,
      },
      azure.workspace,
      host,
    );
    assert.deepEqual(
      host.records.map(record => check(record).release?.action),
      ['deploy', 'deploy', 'rollback'],
    );
  });
});
