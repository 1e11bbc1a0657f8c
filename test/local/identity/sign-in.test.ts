import assert from 'node:assert/strict';
import { X509Certificate, createHash, createPrivateKey, randomUUID, webcrypto } from 'node:crypto';
import { ClientAssertionCredential, ClientCertificateCredential, ManagedIdentityCredential } from '@azure/identity';
import * as x509 from '@peculiar/x509';
import type { ServicePrincipal } from '../../../local/azure/directory/directory';
import { contributor } from '../../../local/azure/directory/principals';
import { AzureFixture } from '../azure/azure-fixture';

const connection = { id: '22222222-2222-4222-8222-222222222222', name: 'another-connection' };

interface TokenAnswer {
  access_token?: string;
  error?: string;
  error_description?: string;
  error_codes?: number[];
}

describe('local Azure: ways to sign in', () => {
  let fixture: AzureFixture;
  let app: ServicePrincipal;
  let key: ReturnType<typeof createPrivateKey>;
  let certificate: string;
  const options = () => ({
    authorityHost: fixture.azure.description.authority,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: fixture.azure.certificate.ca },
    retryOptions: { maxRetries: 0 },
  });
  const scope = (): string => `${fixture.azure.description.arm}/.default`;
  const workspaceStatus = async (token: string): Promise<number> =>
    (await fixture.call('GET', `${fixture.workspaceId}?api-version=2022-10-01`, { token })).status;
  const tokenUrl = (version = '/v2.0'): string =>
    `${fixture.azure.description.authority}/${fixture.azure.description.tenantId}/oauth2${version}/token`;
  const post = async (form: Record<string, string>, path = tokenUrl()): Promise<TokenAnswer> =>
    (
      await fixture.call('POST', path, {
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: scope(), ...form }).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
    ).json as TokenAnswer;
  const withAssertion = async (assertion: string, clientId = app.clientId): Promise<string> => {
    const { access_token, error_codes } = await post({
      client_id: clientId,
      client_assertion: assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    return access_token === undefined ? `AADSTS${error_codes?.join() ?? ''}` : 'signed in';
  };

  before(async () => {
    fixture = await AzureFixture.start();
    const { directory, devops } = fixture.azure;
    app = directory.addPrincipal('with-certificate', contributor);
    devops.organization.addServiceConnection(connection, app.clientId);
    ({ certificate, key } = await selfSigned());
    directory.addCertificate(app.clientId, certificate);
  });
  after(() => fixture.end());

  describe('with a certificate', () => {
    const sign = async (claims: object, header: object = {}, signingKey = key): Promise<string> => {
      const { SignJWT } = await import('jose');
      const { clientId } = app;
      const now = Math.floor(Date.now() / 1000);
      const all = {
        iss: clientId,
        sub: clientId,
        aud: tokenUrl(),
        nbf: now,
        exp: now + 600,
        jti: randomUUID(),
        ...claims,
      };
      const sha1 = createHash('sha1').update(new X509Certificate(certificate).raw).digest('base64url');
      return new SignJWT(all).setProtectedHeader({ alg: 'RS256', x5t: sha1, ...header }).sign(signingKey);
    };

    it('signs the official client in', async () => {
      const { tenantId } = fixture.azure.description;
      const pem = certificate + key.export({ format: 'pem', type: 'pkcs8' }).toString();
      const credential = new ClientCertificateCredential(tenantId, app.clientId, { certificate: pem }, options());
      assert.equal(await workspaceStatus((await credential.getToken(scope())).token), 200);
    });

    it('takes SHA-1 and SHA-256 thumbprints, RS256 and PS256, and an identifier that was used before', async () => {
      const assertion = await sign({});
      assert.equal(await withAssertion(assertion), 'signed in');
      assert.equal(await withAssertion(assertion), 'signed in');
      const sha256 = createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');
      assert.equal(
        await withAssertion(await sign({}, { alg: 'PS256', x5t: undefined, 'x5t#S256': sha256 })),
        'signed in',
      );
    });

    it('names what is wrong with an assertion as Microsoft Entra does', async () => {
      const hourAgo = Math.floor(Date.now() / 1000) - 3600;
      const other = await selfSigned();
      assert.equal(await withAssertion(await sign({ aud: 'https://example.com' })), 'AADSTS700023');
      assert.equal(await withAssertion(await sign({ exp: hourAgo, nbf: hourAgo - 600 })), 'AADSTS700024');
      assert.equal(await withAssertion(await sign({ nbf: hourAgo + 7200, exp: hourAgo + 8000 })), 'AADSTS700024');
      assert.equal(await withAssertion(await sign({}, { x5t: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA' })), 'AADSTS700027');
      assert.equal(await withAssertion(await sign({}, {}, other.key)), 'AADSTS700027');
      assert.equal(await withAssertion(await sign({ sub: randomUUID() })), 'AADSTS700021');
      assert.equal(await withAssertion('no token'), 'AADSTS50027');
      assert.equal(await withAssertion(await sign({}), fixture.azure.description.clientId), 'AADSTS700211');
    });
  });

  describe('with the token of another issuer', () => {
    const idToken = (subject: string, more: Record<string, unknown> = {}): Promise<string> =>
      fixture.azure.directory.pipelineToken(subject, more);
    const subject = 'sc://guardian/guardian-ai/another-connection';

    it('signs the official client in', async () => {
      const { tenantId } = fixture.azure.description;
      const credential = new ClientAssertionCredential(tenantId, app.clientId, () => idToken(subject), options());
      assert.equal(await workspaceStatus((await credential.getToken(scope())).token), 200);
    });

    it('tells a wrong issuer, subject, letter case and audience apart', async () => {
      assert.equal(await withAssertion(await idToken(subject)), 'signed in');
      assert.equal(await withAssertion(await idToken(subject, { iss: 'https://example.com' })), 'AADSTS700211');
      assert.equal(await withAssertion(await idToken(`${subject}-2`)), 'AADSTS700213');
      assert.equal(await withAssertion(await idToken(subject.toUpperCase())), 'AADSTS7002138');
      assert.equal(await withAssertion(await idToken(subject, { aud: 'api://other' })), 'AADSTS700212');
      const [head = '', claims = ''] = (await idToken(subject)).split('.');
      assert.equal(await withAssertion(`${head}.${claims}.AAAA`), 'AADSTS50013');
      fixture.azure.directory.setLifetimes({ pipelineTokenSeconds: -10 });
      assert.equal(await withAssertion(await idToken(subject)), 'AADSTS700024');
      fixture.azure.directory.setLifetimes({ pipelineTokenSeconds: 600 });
    });

    it("publishes the keys that check the pipelines' tokens", async () => {
      const { json } = await fixture.call('GET', '/_devops/oidc/.well-known/openid-configuration');
      const { jwks_uri: keys, issuer } = json as { jwks_uri: string; issuer: string };
      const { createLocalJWKSet, jwtVerify } = await import('jose');
      const keySet = createLocalJWKSet(
        (await fixture.call('GET', keys)).json as Parameters<typeof createLocalJWKSet>[0],
      );
      const { payload } = await jwtVerify(await idToken(subject), keySet, { issuer });
      assert.equal(payload.sub, subject);
    });
  });

  describe('with a managed identity', () => {
    const variables = [
      'AZURE_POD_IDENTITY_AUTHORITY_HOST',
      'IDENTITY_ENDPOINT',
      'IDENTITY_HEADER',
      'MSI_ENDPOINT',
      'MSI_SECRET',
    ];
    const before = new Map(variables.map(name => [name, process.env[name]]));
    afterEach(() => {
      for (const [name, value] of before) {
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
      }
    });
    const getToken = (credential: ManagedIdentityCredential): Promise<{ token: string }> =>
      credential.getToken('https://management.azure.com/.default');

    it('signs the official client in as on a virtual machine, by client id, object id and resource id', async () => {
      process.env.AZURE_POD_IDENTITY_AUTHORITY_HOST = fixture.azure.description.authority;
      const { clientId, objectId, resourceId } = fixture.azure.managedIdentity;
      for (const credential of [
        new ManagedIdentityCredential(options()),
        new ManagedIdentityCredential({ clientId, ...options() }),
        new ManagedIdentityCredential({ objectId, ...options() }),
        new ManagedIdentityCredential({ resourceId, ...options() }),
      ]) {
        assert.equal(await workspaceStatus((await getToken(credential)).token), 200);
      }
      await assert.rejects(
        getToken(new ManagedIdentityCredential({ clientId: randomUUID(), ...options() })),
        /Identity not found/,
      );
    });

    it('signs the official client in as in App Service and as on Azure ML compute', async () => {
      const endpoint = `${fixture.azure.description.authority}/metadata/identity/msi/token`;
      const { secret, clientId } = fixture.azure.managedIdentity;
      Object.assign(process.env, { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: secret });
      assert.equal(await workspaceStatus((await getToken(new ManagedIdentityCredential(options()))).token), 200);
      Reflect.deleteProperty(process.env, 'IDENTITY_ENDPOINT');
      Object.assign(process.env, { MSI_ENDPOINT: endpoint, MSI_SECRET: secret });
      const named = new ManagedIdentityCredential({ clientId, ...options() });
      assert.equal(await workspaceStatus((await getToken(named)).token), 200);
    });

    it('wants the metadata header, a version and a resource that it knows', async () => {
      const ask = async (query: string, headers: Record<string, string>): Promise<string> => {
        const answer = await fixture.call('GET', `/metadata/identity/oauth2/token${query}`, { headers });
        return `${answer.status} ${(answer.json as TokenAnswer).error ?? ''}`;
      };
      assert.equal(
        await ask('?api-version=2018-02-01&resource=https://management.azure.com', {}),
        '400 invalid_request',
      );
      assert.equal(await ask('?resource=https://management.azure.com', { metadata: 'true' }), '400 bad_request');
      assert.equal(
        await ask('?api-version=2018-02-01&resource=https://example.com', { metadata: 'true' }),
        '400 invalid_resource',
      );
    });
  });

  it('names an expired secret, a missing field, an unknown grant and a tenant that is none', async () => {
    const { directory, description } = fixture.azure;
    const old = directory.addPrincipal('expired', contributor, { secretExpires: '2020-01-01T00:00:00Z' });
    const codes = async (form: Record<string, string>, path?: string): Promise<number[] | undefined> =>
      (await post(form, path)).error_codes;
    const good = { client_id: description.clientId, client_secret: description.clientSecret };
    assert.deepEqual(await codes({ client_id: old.clientId, client_secret: old.clientSecret }), [7000222]);
    assert.deepEqual(await codes({ client_id: description.clientId }), [7000218]);
    assert.deepEqual(await codes({ client_secret: 'x' }), [900144]);
    assert.deepEqual(await codes({ ...good, grant_type: 'password' }), [70003]);
    assert.deepEqual(await codes({ ...good, scope: 'openid' }), [1002012]);
    assert.deepEqual(await codes(good, '/nowhere/oauth2/v2.0/token'), [900023]);
    const v1 = await post({ ...good, resource: 'https://management.azure.com/' }, tokenUrl(''));
    assert.equal(await workspaceStatus(v1.access_token ?? ''), 200);
  });

  it('gives unreadable requests an error of its own form, and goes on', async () => {
    const path = new URL(tokenUrl()).pathname;
    const form = 'application/x-www-form-urlencoded';
    const codeOf = async (method: string, body?: unknown, type = form): Promise<string> => {
      const { status, json } = await fixture.call(method, path, { body, headers: { 'content-type': type } });
      return `${status} ${(json as TokenAnswer).error_codes?.join() ?? ''}`;
    };
    assert.equal(await codeOf('GET'), '405 900561');
    assert.equal(await codeOf('POST', '<token/>', 'text/xml'), '415 90013');
    assert.equal(
      await codeOf('POST', 'grant_type=client_credentials&client_id=__proto__&scope=a/.default'),
      '400 700016',
    );
    assert.equal(await codeOf('POST', `scope=${'x'.repeat(100 * 1024 * 1024)}`), '413 90013');
    assert.equal(await workspaceStatus(await fixture.token()), 200);
  });

  it('answers instance discovery for itself and for no other host', async () => {
    const ask = (host: string) =>
      fixture.call(
        'GET',
        `/common/discovery/instance?api-version=1.1&authorization_endpoint=${encodeURIComponent(`${host}/common/oauth2/v2.0/authorize`)}`,
      );
    const { authority, tenantId } = fixture.azure.description;
    const known = (await ask(authority)).json as { tenant_discovery_endpoint: string };
    assert.equal(known.tenant_discovery_endpoint, `${authority}/${tenantId}/v2.0/.well-known/openid-configuration`);
    assert.equal((await ask('https://example.com')).status, 400);
  });

  it('refuses tokens that were revoked, with a challenge, and takes new ones', async () => {
    const { directory } = fixture.azure;
    const worker = directory.addPrincipal('revoked', contributor);
    const before = (await fixture.credential(worker).getToken(scope())).token;
    assert.equal(await workspaceStatus(before), 200);
    directory.revokeTokens(worker.clientId);
    const refused = await fixture.call('GET', `${fixture.workspaceId}?api-version=2022-10-01`, { token: before });
    assert.equal(refused.status, 401);
    assert.match(
      String(refused.headers['www-authenticate']),
      /^Bearer authorization_uri="https:.*error="invalid_token"/,
    );
    assert.equal(await workspaceStatus((await fixture.credential(worker).getToken(scope())).token), 200);
  });

  it('lets a long-lived client go on with tokens that live ten seconds', async () => {
    fixture.azure.directory.setLifetimes({ accessTokenSeconds: 10 });
    try {
      const client = fixture.client();
      const tokens = new Set<string>();
      const credential = fixture.credential();
      for (let turn = 0; turn < 3; turn += 1) {
        await client.workspaces.get(...fixture.names);
        // A token this short is always near its end, so the client asks for a new one each time.
        tokens.add((await credential.getToken(scope())).token);
      }
      assert.equal(tokens.size, 3);
    } finally {
      fixture.azure.directory.setLifetimes({ accessTokenSeconds: 3599 });
    }
  });

  it('holds a custom role to its actions', async () => {
    const reader = fixture.azure.directory.addPrincipal('reader', {
      actions: [
        'Microsoft.MachineLearningServices/workspaces/*/read',
        'Microsoft.MachineLearningServices/workspaces/models/*',
      ],
      notActions: ['Microsoft.MachineLearningServices/workspaces/models/versions/delete'],
    });
    const client = fixture.client(fixture.credential(reader));
    await client.modelContainers.createOrUpdate(...fixture.names, 'allowed', { properties: {} });
    await client.jobs.list(...fixture.names).next();
    const refused = (action: string) => (error: Error & { statusCode?: number; code?: string }) => {
      assert.deepEqual([error.statusCode, error.code], [403, 'AuthorizationFailed']);
      assert.match(error.message, new RegExp(`action 'Microsoft.MachineLearningServices/workspaces/${action}'`));
      return true;
    };
    await assert.rejects(
      client.modelVersions.delete(...fixture.names, 'allowed', '1'),
      refused('models/versions/delete'),
    );
    await assert.rejects(client.environmentContainers.delete(...fixture.names, 'x'), refused('environments/delete'));
    const mlflow = async (path: string): Promise<number> =>
      (
        await fixture.call('POST', `/mlflow/v2.0${fixture.workspaceId}/api/2.0/mlflow/${path}`, {
          token: (await fixture.credential(reader).getToken(scope())).token,
          body: { experiment_ids: ['0'], name: 'x' },
        })
      ).status;
    assert.deepEqual([await mlflow('runs/search'), await mlflow('experiments/create')], [200, 403]);
  });
});

/** A certificate for itself with an RSA key, as people make them for service principals. */
async function selfSigned(): Promise<{ certificate: string; key: ReturnType<typeof createPrivateKey> }> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 2048,
  };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=pipelines',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate: `${made.toString('pem')}\n`,
    key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
  };
}
