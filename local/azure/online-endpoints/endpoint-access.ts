import { timingSafeEqual } from 'node:crypto';
import type { Directory } from '../directory/directory';
import { TokenRefused } from '../directory/directory-tokens';
import type { EndpointRecord } from './endpoint-store';
import type { EndpointTokens } from './endpoint-tokens';

export interface AccessRefusal {
  status: 401 | 403;
  message: string;
}

/** The data action that `authMode: AADToken` asks for: https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint */
const scoreAction = 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action';

/** Why a request may not score; undefined when it may. The texts of the key mode are those of the service's router. */
export async function accessRefusal(
  authorization: string | undefined,
  endpoint: EndpointRecord,
  tokens: EndpointTokens,
  directory: Directory,
): Promise<AccessRefusal | undefined> {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  switch (endpoint.authMode) {
    case 'AMLToken':
      return given !== undefined && (await tokens.isGood(given, endpoint))
        ? undefined
        : {
            status: 401,
            message: given === undefined ? 'aml_token_auth_bad_header_forbidden' : 'aml_token_auth_access_denied',
          };
    case 'AADToken':
      if (given === undefined) return { status: 401, message: 'aad_token_auth_bad_header_forbidden' };
      try {
        const caller = await directory.identify(given, 'scoring');
        return caller.allows(scoreAction)
          ? undefined
          : { status: 403, message: `${caller.objectId} has no permission for ${scoreAction} on ${endpoint.name}.` };
      } catch (error) {
        if (error instanceof TokenRefused) return { status: 401, message: error.message };
        throw error;
      }
    default:
      if (given === undefined) return { status: 401, message: 'key_auth_bad_header_forbidden' };
      return Object.values(endpoint.keys).some(key => isSame(key, given))
        ? undefined
        : { status: 401, message: 'key_auth_access_denied' };
  }
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
