import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/product';

/** Answers as az does to what the script asks; what it makes is there from then on. Each call is a line of its log. */
const az = `#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$AZ_FOLDER/calls"
case "$*" in
  *'account show --query id'*) echo sub-1 ;;
  *'account show --query tenantId'*) echo tenant-1 ;;
  *'account show --query name'*) echo 'My subscription' ;;
  *'--query clientId'*) echo client-1 ;;
  *'--query principalId'*) echo principal-1 ;;
  'role definition list'*) [ -e "$AZ_FOLDER/role.$5" ] && echo guid || true ;;
  'role definition '*) file=\${5#@}; cp "$file" "$AZ_FOLDER/role.$(sed -n 's/.*"Name": "\\(.*\\)".*/\\1/p' "$file")" ;;
  *'service-endpoint list'*) [ -e "$AZ_FOLDER/connection" ] && echo endpoint-1 || true ;;
  *'service-endpoint create'*) cp "$9" "$AZ_FOLDER/connection"; echo endpoint-1 ;;
  *'project show'*) echo project-1 ;;
  *Issuer*) echo https://issuer.example/tenant ;;
  *Subject*) echo sc://subject ;;
  *'variable-group list'*) [ -e "$AZ_FOLDER/group" ] && echo 7 || true ;;
  *'variable-group create'*) touch "$AZ_FOLDER/group" ;;
esac
`;

describe('samples/azure/set-up.sh', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-set-up-'));
    writeFileSync(join(folder, 'az'), az);
    chmodSync(join(folder, 'az'), 0o755);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const setUp = async (...args: string[]): Promise<{ code: number; output: string; calls: string[] }> => {
    const calls = join(folder, 'calls');
    rmSync(calls, { force: true });
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}`, AZ_FOLDER: folder };
    const { code, output } = await new Promise<{ code: number; output: string }>(done => {
      execFile('bash', [join(root, 'samples/azure/set-up.sh'), ...args], { env }, (error, stdout, stderr) => {
        done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output: stdout + stderr });
      });
    });
    return { code, output, calls: existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [] };
  };
  const project = ['https://dev.azure.com/contoso', 'Guardian AI', 'guardian-ai-prod', 'ws'];

  it('gives the identity its roles, the connection its identity, and lets it trust just that connection', async () => {
    const { code, output, calls } = await setUp(...project);
    assert.equal(code, 0, output);
    const role = JSON.parse(readFileSync(join(folder, 'role.Guardian AI Pipeline'), 'utf8')) as {
      AssignableScopes: string[];
    };
    assert.deepEqual(role.AssignableScopes, ['/subscriptions/sub-1']);
    const workspace =
      '/subscriptions/sub-1/resourceGroups/guardian-ai-prod/providers/Microsoft.MachineLearningServices/workspaces/ws';
    assert.deepEqual(
      calls.filter(call => call.startsWith('role assignment')).map(call => /--scope (\S+)/.exec(call)?.[1]),
      [workspace, '/subscriptions/sub-1'],
    );
    const connection = JSON.parse(readFileSync(join(folder, 'connection'), 'utf8')) as {
      authorization: object;
      serviceEndpointProjectReferences: object[];
    };
    assert.deepEqual(connection.authorization, {
      scheme: 'WorkloadIdentityFederation',
      parameters: { tenantid: 'tenant-1', serviceprincipalid: 'client-1' },
    });
    assert.deepEqual(connection.serviceEndpointProjectReferences, [
      { name: 'guardian-azure-connection', projectReference: { id: 'project-1', name: 'Guardian AI' } },
    ]);
    const trust = calls.find(call => call.includes('federated-credential')) ?? '';
    assert.match(
      trust,
      /--issuer https:\/\/issuer\.example\/tenant --subject sc:\/\/subject --audiences api:\/\/AzureADTokenExchange/,
    );
  });

  it('makes nothing twice, and says how it is called', async () => {
    const { code, output, calls } = await setUp(...project);
    assert.equal(code, 0, output);
    assert.deepEqual(
      calls.filter(call => /service-endpoint create|variable-group create|role definition create/.test(call)),
      [],
    );
    const wrong = await setUp('one');
    assert.deepEqual([wrong.code, wrong.calls], [2, []]);
    assert.match(wrong.output, /^Usage: .*ORGANIZATION-URL PROJECT RESOURCE-GROUP WORKSPACE/);
  });
});
