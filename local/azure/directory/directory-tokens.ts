import { randomUUID } from 'node:crypto';
import type { Journal } from '../../journal';

/** Who a bearer token speaks for. */
export interface Caller {
  /** Application id of the service principal; for a job's token the principal of the workspace. */
  clientId: string;
  objectId: string;
  /** Whether a role assignment lets it read and write the resource group. */
  hasAccess: boolean;
  /** Set on the token that a job's process carries: the job's name. */
  job?: string;
}

/** Why a bearer token is refused, in the words of Azure's 401. */
export class TokenRefused extends Error {
  constructor(
    readonly code:
      | 'AuthenticationFailed'
      | 'InvalidAuthenticationToken'
      | 'InvalidAuthenticationTokenAudience'
      | 'ExpiredAuthenticationToken',
    message: string,
  ) {
    super(message);
    this.name = 'TokenRefused';
  }
}

/** Signs and verifies the RS256 tokens of the directory. The key is kept, so tokens stay good over a restart on the same port. */
export interface DirectoryTokens {
  /** The public key set of `jwks_uri`. */
  readonly keySet: { keys: Record<string, unknown>[] };
  /** Signs any claims; `exp` and `iat` are added. */
  sign(claims: Record<string, unknown>, lifetimeSeconds: number): Promise<string>;
  /** Checks signature, expiry, issuer and audience (any of those given) of our own token and gives its claims. @throws TokenRefused */
  verify(token: string, issuer: string, audiences: string[]): Promise<Record<string, unknown>>;
}

/** Reads or makes the signing key and gives the token functions. */
export async function openDirectoryTokens(journal: Journal): Promise<DirectoryTokens> {
  // jose is an ES module only.
  const jose = await import('jose');
  const keys = journal.collection<Record<string, unknown>>('directory-keys');
  let jwk = keys.get('signing');
  if (!jwk) {
    const pair = await jose.generateKeyPair('RS256', { extractable: true });
    jwk = { ...(await jose.exportJWK(pair.privateKey)), kid: randomUUID(), alg: 'RS256', use: 'sig' };
    keys.set('signing', jwk);
  }
  const { kty, n, e, kid, alg, use } = jwk as Record<'kty' | 'n' | 'e' | 'kid' | 'alg' | 'use', string>;
  const publicJwk = { kty, n, e, kid, alg, use };
  const privateKey = await jose.importJWK(jwk, 'RS256');
  const publicKey = await jose.importJWK(publicJwk, 'RS256');
  return {
    keySet: { keys: [publicJwk] },
    sign: (claims, lifetimeSeconds) => {
      const now = Math.floor(Date.now() / 1000);
      return new jose.SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + lifetimeSeconds)
        .sign(privateKey);
    },
    verify: async (token, issuer, audiences) => {
      try {
        const { payload } = await jose.jwtVerify(token, publicKey, {
          issuer,
          audience: audiences,
          algorithms: ['RS256'],
          requiredClaims: ['exp'],
        });
        return payload;
      } catch (error) {
        throw refusal(error, audiences);
      }
    },
  };
}

function refusal(error: unknown, audiences: string[]): TokenRefused {
  const { code, claim, message } = error as { code?: string; claim?: string; message: string };
  if (code === 'ERR_JWT_EXPIRED') {
    return new TokenRefused(
      'ExpiredAuthenticationToken',
      `The access token expiry UTC time is earlier than current UTC time '${new Date().toISOString()}'.`,
    );
  }
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED' && claim === 'aud') {
    return new TokenRefused(
      'InvalidAuthenticationTokenAudience',
      `The access token has been obtained for wrong audience or resource. It should exactly match with one of the allowed audiences ${audiences.map(a => `'${a}'`).join(',')}.`,
    );
  }
  return new TokenRefused('InvalidAuthenticationToken', `The access token is invalid. ${message}`);
}
