import assert from 'node:assert/strict';
import {
  AzurePipelinesCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import { azureConnection, proxyOptions } from '../../../../lib/connection/azure-connection';
import { TaskError } from '../../../../lib/task-error';
import { fakeConnection, FakeHost } from '../../../support/fake-host';

const tenantid = '11111111-0000-4000-8000-000000000000';
const serviceprincipalid = '22222222-0000-4000-8000-000000000000';
const data = { subscriptionId: 'sub-1', environment: 'AzureCloud' };
const withSecret = { tenantid, serviceprincipalid, serviceprincipalkey: 's3cret' };

const refused = (connection: Parameters<typeof fakeConnection>[0], pattern: RegExp, host = new FakeHost()): void => {
  assert.throws(
    () => azureConnection(fakeConnection(connection), host),
    (error: unknown) => {
      assert.ok(error instanceof TaskError);
      assert.equal(error.errorCode, 'GuardianConnection');
      assert.match(error.message, pattern);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    },
  );
};

describe('an Azure service connection', () => {
  it('with a secret signs in as the service principal and masks the secret', () => {
    const host = new FakeHost();
    const azure = azureConnection(fakeConnection({ auth: withSecret, data }), host);
    assert.ok(azure.credential instanceof ClientSecretCredential);
    assert.equal(azure.endpoint, 'https://management.azure.com');
    assert.equal(azure.scope, 'https://management.azure.com/.default');
    assert.equal(azure.authority, 'https://login.microsoftonline.com');
    assert.equal(azure.subscriptionId, 'sub-1');
    assert.match(azure.principal, new RegExp(serviceprincipalid));
    assert.deepEqual(host.masked, ['s3cret']);
  });

  it('with a certificate signs in with it, in any case of the scheme', () => {
    const auth = {
      tenantid,
      serviceprincipalid,
      authenticationType: 'spnCertificate',
      servicePrincipalCertificate: '-----BEGIN',
    };
    const azure = azureConnection(fakeConnection({ scheme: 'serviceprincipal', auth, data }), new FakeHost());
    assert.ok(azure.credential instanceof ClientCertificateCredential);
  });

  it('with a managed identity uses the agent’s', () => {
    const azure = azureConnection(
      fakeConnection({ scheme: 'ManagedServiceIdentity', auth: { tenantid }, data }),
      new FakeHost(),
    );
    assert.ok(azure.credential instanceof ManagedIdentityCredential);
  });

  describe('with workload identity federation', () => {
    const system = fakeConnection({ id: 'SYSTEMVSSCONNECTION', auth: { AccessToken: 'system-token' } });
    const connection = { scheme: 'WorkloadIdentityFederation', auth: { tenantid, serviceprincipalid }, data };
    const variable = 'SYSTEM_OIDCREQUESTURI';
    const before_ = process.env[variable];
    afterEach(() => {
      if (before_ === undefined) Reflect.deleteProperty(process.env, variable);
      else process.env[variable] = before_;
    });

    it('asks the pipeline for tokens', () => {
      process.env[variable] = 'https://dev.azure.com/oidc';
      const host = new FakeHost({
        connections: [system],
        variables: { 'System.OidcRequestUri': 'https://dev.azure.com/oidc' },
      });
      assert.ok(azureConnection(fakeConnection(connection), host).credential instanceof AzurePipelinesCredential);
    });

    it('says so when the agent offers none', () => {
      refused(connection, /System\.OidcRequestUri/, new FakeHost({ connections: [system] }));
    });
  });

  it('takes cloud and sign-in address from the connection', () => {
    const azure = azureConnection(
      fakeConnection({
        url: 'https://management.usgovcloudapi.net/',
        auth: withSecret,
        data: {
          subscriptionId: 's',
          environment: 'AzureUSGovernment',
          activeDirectoryServiceEndpointResourceId: 'https://management.core.usgovcloudapi.net/',
        },
      }),
      new FakeHost(),
    );
    assert.equal(azure.authority, 'https://login.microsoftonline.us');
    assert.equal(azure.scope, 'https://management.core.usgovcloudapi.net/.default');
  });

  it('knows no address of a cloud of its own, unless the connection says it', () => {
    const stack = { subscriptionId: 's', environment: 'AzureStack' };
    refused(
      { url: 'https://management.local.stack/', auth: withSecret, data: stack },
      /AzureStack.*environmentAuthorityUrl/,
    );
    const azure = azureConnection(
      fakeConnection({ auth: withSecret, data: { ...stack, environmentAuthorityUrl: 'https://127.0.0.1:8443/' } }),
      new FakeHost(),
    );
    assert.equal(azure.authority, 'https://127.0.0.1:8443');
  });

  it('passes the agent’s proxy on', () => {
    const host = new FakeHost({ proxy: () => 'http://me:p%40ss@proxy:3128' });
    const azure = azureConnection(fakeConnection({ auth: withSecret, data }), host);
    assert.deepEqual(proxyOptions(azure.proxy!), {
      host: 'http://proxy',
      port: 3128,
      username: 'me',
      password: 'p@ss',
    });
  });

  it('is refused when it cannot work', () => {
    refused({ auth: withSecret, data: {} }, /names no subscription/);
    refused({ auth: { tenantid, serviceprincipalid }, data }, /holds no serviceprincipalkey/);
    refused({ scheme: 'PublishProfile', data }, /PublishProfile.*Use workload identity/);
    refused({ url: 'http://management.azure.com/', auth: withSecret, data }, /must be an https address/);
    refused(
      { auth: withSecret, data: { ...data, environmentAuthorityUrl: 'nonsense' } },
      /environmentAuthorityUrl is "nonsense"/,
    );
  });
});
