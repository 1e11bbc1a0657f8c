import assert from 'node:assert/strict';
import { AzurePipelinesCredential, type TokenCredentialOptions } from '@azure/identity';
import { AzureFixture } from './azure-fixture';

interface ErrorBody {
  error: { code: string; message: string };
}

describe('local Azure: sign-in and who may do what', () => {
  let fixture: AzureFixture;
  before(async () => {
    fixture = await AzureFixture.start();
  });
  after(() => fixture.end());

  const workspaceUrl = (query = '?api-version=2022-10-01'): string => fixture.workspaceId + query;
  const scope = (): string => `${fixture.azure.description.arm}/.default`;
  const token = (resource: string): Promise<string> =>
    fixture
      .credential()
      .getToken(`${resource}/.default`)
      .then(given => given.token);

  it('signs the official client in with a secret', async () => {
    const workspace = await fixture.client().workspaces.get(...fixture.names);
    assert.equal(workspace.name, 'guardian-ai-ml-workspace-prod');
    assert.equal(workspace.location, 'eastus');
  });

  it('names a wrong secret, an unknown application and an unknown tenant as Microsoft Entra does', async () => {
    const { tenantId, clientId, clientSecret } = fixture.azure.description;
    await assert.rejects(fixture.credential({ clientId, clientSecret: 'wrong' }).getToken(scope()), /AADSTS7000215/);
    const stranger = '11111111-1111-4111-8111-111111111111';
    await assert.rejects(
      fixture.credential({ clientId: stranger, clientSecret }).getToken(scope()),
      /AADSTS700016.*11111111-1111/s,
    );
    const answer = await fixture.call('POST', `/${stranger}/oauth2/v2.0/token`, {
      body: 'grant_type=client_credentials',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.equal(answer.status, 400);
    assert.match((answer.json as { error_description: string }).error_description, /^AADSTS90002: Tenant '11111111/);
    assert.notEqual(tenantId, stranger);
  });

  it('gives no token for a resource that the tenant does not know', async () => {
    await assert.rejects(token('https://example.com'), /AADSTS500011/);
  });

  it('refuses a token for another audience, a changed one and none at all', async () => {
    const wrongAudience = await fixture.call('GET', workspaceUrl(), {
      token: await token('https://storage.azure.com'),
    });
    assert.equal(wrongAudience.status, 401);
    assert.equal((wrongAudience.json as ErrorBody).error.code, 'InvalidAuthenticationTokenAudience');

    const [head = '', body = '', signature = ''] = (await fixture.token()).split('.');
    const changed = Buffer.from(
      JSON.stringify({ ...(JSON.parse(Buffer.from(body, 'base64url').toString()) as object), appid: 'x' }),
    );
    const forged = await fixture.call('GET', workspaceUrl(), {
      token: `${head}.${changed.toString('base64url')}.${signature}`,
    });
    assert.equal(forged.status, 401);
    assert.equal((forged.json as ErrorBody).error.code, 'InvalidAuthenticationToken');

    const none = await fixture.call('GET', workspaceUrl());
    assert.equal(none.status, 401);
    assert.equal((none.json as ErrorBody).error.code, 'AuthenticationFailed');
  });

  it('refuses a principal without a role by name, action and scope', async () => {
    const client = fixture.client(fixture.credential(fixture.azure.noAccess));
    await assert.rejects(
      client.computeOperations.get(...fixture.names, 'cpu-training-cluster'),
      (error: Error & { statusCode: number; code: string }) => {
        assert.equal(error.statusCode, 403);
        assert.equal(error.code, 'AuthorizationFailed');
        assert.match(error.message, new RegExp(fixture.azure.noAccess.clientId));
        assert.match(error.message, /action 'Microsoft.MachineLearningServices\/workspaces\/computes\/read'/);
        return true;
      },
    );
  });

  it('wants an api-version and takes every well-formed one', async () => {
    const token = await fixture.token();
    const missing = await fixture.call('GET', workspaceUrl(''), { token });
    assert.deepEqual([missing.status, (missing.json as ErrorBody).error.code], [400, 'MissingApiVersionParameter']);
    const invalid = await fixture.call('GET', workspaceUrl('?api-version=latest'), { token });
    assert.deepEqual([invalid.status, (invalid.json as ErrorBody).error.code], [400, 'InvalidApiVersionParameter']);
    const preview = await fixture.call('GET', workspaceUrl('?api-version=2025-01-01-preview'), { token });
    assert.equal(preview.status, 200);
    assert.match(String(preview.headers['x-ms-request-id']), /^[0-9a-f-]{36}$/);
  });

  it('tells an unknown subscription, group and workspace apart, and reads paths in any letter case', async () => {
    const token = await fixture.token();
    const codeAt = async (path: string): Promise<string> => {
      const answer = await fixture.call('GET', `${path}?api-version=2022-10-01`, { token });
      return `${answer.status} ${(answer.json as ErrorBody).error.code}`;
    };
    const { workspaceId } = fixture;
    assert.equal(await codeAt(workspaceId.replace('000000000001', '000000000002')), '404 SubscriptionNotFound');
    assert.equal(await codeAt(workspaceId.replace('/guardian-ai-prod/', '/other/')), '404 ResourceGroupNotFound');
    assert.equal(await codeAt(`${workspaceId}-2`), '404 ResourceNotFound');
    assert.equal(await codeAt(`${workspaceId}/schedules/nightly`), '404 NotFound');
    const lower = await fixture.call('GET', `${workspaceId.toLowerCase()}?api-version=2022-10-01`, { token });
    assert.equal(lower.status, 200);
  });

  it('refuses a token that has run out', async () => {
    const short = await AzureFixture.start({ accessTokenSeconds: -10 });
    try {
      const { arm, tenantId, clientId, clientSecret } = short.azure.description;
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
        scope: `${arm}/.default`,
      });
      const given = await short.call('POST', `/${tenantId}/oauth2/v2.0/token`, {
        body: form.toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      const { access_token: token } = given.json as { access_token: string };
      const answer = await short.call('GET', `${short.workspaceId}?api-version=2022-10-01`, { token });
      assert.deepEqual([answer.status, (answer.json as ErrorBody).error.code], [401, 'ExpiredAuthenticationToken']);
    } finally {
      await short.end();
    }
  });

  describe('workload identity federation', () => {
    // The connection of the sample pipelines.
    const connection = 'a5d6e1c4-3f5b-4c0e-9d43-2f1c5b8e7a01';
    let before: string | undefined;
    beforeEach(() => {
      before = process.env.SYSTEM_OIDCREQUESTURI;
      process.env.SYSTEM_OIDCREQUESTURI = fixture.azure.oidcRequestUri;
    });
    afterEach(() => {
      if (before === undefined) delete process.env.SYSTEM_OIDCREQUESTURI;
      else process.env.SYSTEM_OIDCREQUESTURI = before;
    });
    const federated = (systemAccessToken: string): AzurePipelinesCredential => {
      const { tenantId, clientId, authority } = fixture.azure.description;
      const options: TokenCredentialOptions & { disableInstanceDiscovery: boolean } = {
        authorityHost: authority,
        disableInstanceDiscovery: true,
        tlsOptions: { ca: fixture.azure.certificate.ca },
        retryOptions: { maxRetries: 0 },
      };
      return new AzurePipelinesCredential(tenantId, clientId, connection, systemAccessToken, options);
    };

    it('signs a pipeline in without a secret', async () => {
      const { token } = await federated(fixture.azure.systemAccessToken).getToken(scope());
      assert.equal((await fixture.call('GET', workspaceUrl(), { token })).status, 200);
    });

    it('gives no ID token to a job with another system token', async () => {
      await assert.rejects(federated('wrong').getToken(scope()), /401|TF400813/);
    });

    it('refuses an assertion of another issuer and one that has run out', async () => {
      const { tenantId, clientId } = fixture.azure.description;
      const signIn = (on: AzureFixture, assertion: string): Promise<string> =>
        on
          .call('POST', `/${on.azure.description.tenantId}/oauth2/v2.0/token`, {
            body: new URLSearchParams({
              grant_type: 'client_credentials',
              client_id: on.azure.description.clientId,
              client_assertion: assertion,
              client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
              scope: `${on.azure.description.arm}/.default`,
            }).toString(),
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
          })
          .then(answer => (answer.json as { error_description: string }).error_description);
      assert.match(await signIn(fixture, await fixture.token()), /^AADSTS700211/);
      assert.ok(tenantId && clientId);

      const short = await AzureFixture.start({ pipelineTokenSeconds: -10 });
      try {
        const given = await short.call(
          'POST',
          `${short.azure.oidcRequestUri}?api-version=7.1&serviceConnectionId=${connection}`,
          {
            token: short.azure.systemAccessToken,
          },
        );
        assert.match(await signIn(short, (given.json as { oidcToken: string }).oidcToken), /^AADSTS700024/);
      } finally {
        await short.end();
      }
    });
  });
});
