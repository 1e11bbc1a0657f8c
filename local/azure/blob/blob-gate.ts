import { belowAccount } from '../../requests/operation-name';
import type { RecordedRequest } from '../../requests/request-record';
import { headersWithoutSecrets, withoutSecrets } from '../../requests/watch-requests';
import type { Directory } from '../directory/directory';
import { TokenRefused } from '../directory/directory-tokens';
import { faultAnswer } from '../faults/fault-answer';
import type { Faults } from '../faults/faults';
import type { BlobGate, BlobVerdict } from './azurite';

/** The action on blobs that a role must allow, by the request's method. */
const actions: Record<string, string> = { GET: 'read', HEAD: 'read', DELETE: 'delete' };

/** Holds the blob service's requests to the directory's tokens, the faults in force and the request log. */
export function blobGate(o: {
  directory(): Directory;
  faults: Faults;
  recorded: (request: RecordedRequest) => void;
  newRequestId: () => string;
}): BlobGate {
  return {
    checkToken: async (token, method) => {
      try {
        const caller = await o.directory().identify(token, 'storage');
        const action = `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/${actions[method] ?? 'write'}`;
        return caller.allows(action) ? {} : { forbidden: true };
      } catch (error) {
        if (!(error instanceof TokenRefused)) throw error;
        const isExpired = error.code === 'ExpiredAuthenticationToken';
        return {
          refused: isExpired ? 'Lifetime validation failed. The token is expired.' : error.message,
          challenge: `Bearer authorization_uri=${error.authority}/oauth2/authorize resource_id=https://storage.azure.com`,
        };
      }
    },
    decide: (method, url) => {
      const verdict: BlobVerdict = {};
      const path = url.split('?')[0] ?? '';
      for (const { name, effect } of o.faults.decide({ plane: 'blob', method, path })) {
        verdict.fault = verdict.fault === undefined ? name : `${verdict.fault},${name}`;
        if (effect.type === 'slow') verdict.slow = (verdict.slow ?? 0) + effect.milliseconds;
        if (effect.type === 'truncate') verdict.truncate = effect.bytes;
        if (effect.type === 'reset') verdict.reset = true;
        if (effect.type === 'status' || effect.type === 'token')
          verdict.answer = faultAnswer(effect, 'blob', o.newRequestId());
        if ('handled' in effect && effect.handled === true) verdict.handled = true;
      }
      return verdict;
    },
    answered: ({ time, method, url, headers, status, milliseconds, bytesOut, requestId, fault }) => {
      const [path = '', query = ''] = url.split('?');
      const bytesIn = Number(headers['content-length'] ?? NaN);
      const clientRequestId = headers['x-ms-client-request-id'];
      const apiVersion = headers['x-ms-version'];
      o.recorded({
        time,
        plane: 'blob',
        method,
        path,
        operation: `${method} ${belowAccount(path)}${comp(query)}`,
        ...(apiVersion === undefined ? {} : { apiVersion }),
        status,
        milliseconds,
        ...(Number.isNaN(bytesIn) ? {} : { bytesIn }),
        ...(bytesOut === null ? {} : { bytesOut }),
        ...(requestId === undefined ? {} : { requestId }),
        ...(clientRequestId === undefined ? {} : { clientRequestId }),
        ...(fault === undefined ? {} : { fault }),
        url: path + (query === '' ? '' : `?${withoutSecrets(query)}`),
        headers: headersWithoutSecrets(headers),
      });
    },
  };
}

/** The sub-resource of a blob operation, such as `?comp=block`. */
function comp(query: string): string {
  const value = new URLSearchParams(query).get('comp');
  return value === null ? '' : `?comp=${value}`;
}
