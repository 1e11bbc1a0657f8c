import assert from 'node:assert/strict';
import { createHttpHeaders, RestError, type PipelineRequest } from '@azure/core-rest-pipeline';
import { nearNames } from '../../../../lib/azureml/near-names';
import { serviceError } from '../../../../lib/azureml/service-error';
import { TaskError, type ErrorCode } from '../../../../lib/task-error';

const context = {
  endpoint: 'https://management.azure.com',
  principal: 'service principal 123',
  authority: 'https://login.microsoftonline.com',
};

function answered(status: number, body: unknown, requestId = 'req-1'): RestError {
  return new RestError(JSON.stringify(body), {
    statusCode: status,
    response: {
      status,
      headers: createHttpHeaders({ 'x-ms-request-id': requestId }),
      bodyAsText: JSON.stringify(body),
      request: {} as PipelineRequest,
    },
  });
}

function explained(error: unknown, code: ErrorCode): string {
  const explanation = serviceError(error, "read the compute 'x'", context);
  assert.ok(explanation instanceof TaskError);
  assert.equal(explanation.errorCode, code);
  assert.equal(explanation.cause, error);
  assert.match(explanation.message, /^Could not read the compute 'x'\. /);
  return explanation.message;
}

describe('a service error', () => {
  it('shows code, message, every detail, the inner errors and the request id', () => {
    // The front end's envelope as recorded in Azure/azure-powershell: the real cause stands below "The request is invalid."
    const message = explained(
      answered(400, {
        error: {
          code: 'BadRequest',
          message: 'The request is invalid.',
          details: [
            {
              code: 'InferencingClientCreateDeploymentFailed',
              message: 'Not enough quota',
              details: [{ code: 'Quota', message: 'Limit 24' }],
            },
            { code: 'Second', message: 'Another cause' },
          ],
          additionalInfo: [
            { type: 'ComponentName', info: { value: 'managementfrontend' } },
            {
              type: 'InnerError',
              info: { value: { code: 'BadArgument', innerError: { code: 'QuotaExceeded', innerError: null } } },
            },
          ],
        },
      }),
      'GuardianRefused',
    );
    for (const part of [
      'Azure answered 400 BadRequest: The request is invalid.',
      'InferencingClientCreateDeploymentFailed: Not enough quota.',
      'Quota: Limit 24.',
      'Second: Another cause.',
      'Inner error: BadArgument / QuotaExceeded.',
      'Request id req-1.',
    ])
      assert.ok(message.includes(part), `${part}\n${message}`);
  });

  it('names who lacks which role', () => {
    const message = explained(
      answered(403, { error: { code: 'AuthorizationFailed', message: 'The client does not have authorization' } }),
      'GuardianForbidden',
    );
    assert.match(message, /Service principal 123 may not do this: give it the role AzureML Data Scientist/);
  });

  it('finds a permission problem inside a UserError', () => {
    const body = {
      error: {
        code: 'UserError',
        message: 'no access',
        additionalInfo: [{ type: 'InnerError', info: { value: { code: 'ForbiddenError' } } }],
      },
    };
    assert.match(explained(answered(400, body), 'GuardianForbidden'), /role/);
  });

  for (const [status, code, pattern] of [
    [401, 'GuardianSignIn', /token of service principal 123 was refused/],
    [404, 'GuardianNotFound', /404 Code/],
    [409, 'GuardianConflict', /409 Code/],
    [429, 'GuardianThrottled', /throttles/],
    [503, 'GuardianService', /run again later/],
  ] as const) {
    it(`tells ${status} as ${code}`, () => {
      assert.match(explained(answered(status, { error: { code: 'Code', message: 'm' } }), code), pattern);
    });
  }

  it('survives a body that is no JSON, and one without an error object', () => {
    const html = new RestError('<html>Bad gateway</html>', { statusCode: 502 });
    assert.match(explained(html, 'GuardianService'), /Azure answered 502: <html>Bad gateway<\/html>/);
    assert.match(explained(answered(400, { code: 'X', message: 'flat' }), 'GuardianRefused'), /400 X: flat\./);
    assert.match(explained(answered(400, 'text'), 'GuardianRefused'), /Azure answered 400/);
  });

  for (const [text, pattern] of [
    ['invalid_client: AADSTS7000215: Invalid client secret provided.', /The secret of service principal 123 is wrong/],
    ['invalid_client: AADSTS7000222: The provided client secret keys are expired.', /has expired: renew it/],
    ['AADSTS700016: Application not found', /does not know service principal 123/],
    ['AADSTS70021: No matching federated identity record found', /compare issuer and subject/],
    ['AADSTS90002: Tenant not found', /tenant of the service connection does not exist/],
    ['AADSTS99999: something new', /verify the service connection/],
  ] as const) {
    it(`explains ${text.match(/AADSTS\d+/)?.[0] ?? ''}`, () => {
      const error = Object.assign(new Error(text), { name: 'AuthenticationRequiredError', statusCode: 400 });
      assert.match(explained(error, 'GuardianSignIn'), pattern);
    });
  }

  it('says which host cannot be reached, however deep the cause is', () => {
    const plain = new RestError('getaddrinfo ENOTFOUND nope.invalid', { code: 'ENOTFOUND' });
    assert.match(
      explained(plain, 'GuardianUnreachable'),
      /The network said ENOTFOUND\. .*https:\/\/management\.azure\.com/,
    );
    const wrapped = new Error('request failed', {
      cause: new AggregateError([Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })]),
    });
    assert.match(explained(wrapped, 'GuardianUnreachable'), /ECONNREFUSED/);
  });

  it('tells a certificate that is not trusted', () => {
    for (const code of [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ]) {
      const error = new RestError('tls', { code });
      assert.match(explained(error, 'GuardianUnreachable'), new RegExp(`${code}.*NODE_EXTRA_CA_CERTS`));
    }
  });

  it('never quotes a signature or secret', () => {
    const error = answered(403, {
      error: {
        code: 'X',
        message: 'PUT https://a.blob.core.windows.net/c?sv=1&sig=abc%2Bdef%3D&se=2 failed; client_secret=hunter2',
      },
    });
    const message = explained(error, 'GuardianForbidden');
    assert.doesNotMatch(message, /abc%2Bdef|hunter2/);
    assert.match(message, /Storage Blob Data Contributor/);
  });

  it('passes on an abort and what is explained already', () => {
    const abort = Object.assign(new Error('aborted'), { name: 'AbortError' });
    assert.equal(serviceError(abort, 'x', context), abort);
    const own = new TaskError('own');
    assert.equal(serviceError(own, 'x', context), own);
  });
});

describe('near names', () => {
  const existing = ['cpu-training-cluster', 'gpu-cluster'];
  for (const [wanted, names, expected] of [
    ['Cpu-Training-Cluster', existing, "There is 'cpu-training-cluster': names are case-sensitive."],
    ['cpu-trainig-cluster', existing, "Did you mean 'cpu-training-cluster'?"],
    ['something-else', existing, 'There are cpu-training-cluster, gpu-cluster.'],
    ['x', ['only'], 'There is only.'],
    ['x', [], 'There is none.'],
  ] as const) {
    it(`for ${wanted} among ${names.length}`, () => assert.equal(nearNames(wanted, names), expected));
  }
});
