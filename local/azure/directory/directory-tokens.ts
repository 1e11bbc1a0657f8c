import { randomUUID } from 'node:crypto';
import type { JWK } from 'jose' with { 'resolution-mode': 'import' };
import type { Journal } from '../../journal';

/** Who a bearer token speaks for. */
export interface Caller {
  /** Application id of the service principal; for a job's token the principal of the workspace. */
  clientId: string;
  objectId: string;
  /** Whether a role assignment lets it do anything at all in the resource group. */
  hasAccess: boolean;
  /** Whether its role allows an action, for example `Microsoft.MachineLearningServices/workspaces/jobs/write`. */
  allows(action: string): boolean;
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
      | 'InvalidAuthenticationTokenTenant'
      | 'ExpiredAuthenticationToken',
    message: string,
    /** Where the client may sign in, for the challenge. */
    readonly authority = '',
  ) {
    super(message);
    this.name = 'TokenRefused';
  }

  /** The `WWW-Authenticate` header of the answer. */
  get challenge(): string {
    const text = this.message.replace(/"/g, "'");
    const place = this.authority === '' ? '' : `authorization_uri="${this.authority}", `;
    return `Bearer ${place}error="invalid_token", error_description="${text}"`;
  }
}

/** Signs and verifies RS256 tokens. The key is kept, so tokens stay good over a restart on the same port. */
export interface TokenSigner {
  /** The public key set of `jwks_uri`. */
  readonly keySet: { keys: Record<string, unknown>[] };
  /** Signs any claims; `exp`, `nbf` and `iat` are added. */
  sign(claims: Record<string, unknown>, lifetimeSeconds: number): Promise<string>;
  /** Checks signature, times, issuer and audience (any of those given) and gives the claims. @throws jose's errors */
  verify(token: string, expected: { issuer?: string; audiences?: string[] }): Promise<Record<string, unknown>>;
}

/** Reads or makes the signing key of that name. */
export async function openTokenSigner(journal: Journal, name: string): Promise<TokenSigner> {
  // jose is an ES module only.
  const jose = await import('jose');
  const keys = journal.collection<JWK>('directory-keys');
  let jwk = keys.get(name);
  if (!jwk) {
    const pair = await jose.generateKeyPair('RS256', { extractable: true });
    jwk = { ...(await jose.exportJWK(pair.privateKey)), kid: randomUUID(), alg: 'RS256', use: 'sig' };
    keys.set(name, jwk);
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
    verify: async (token, { issuer, audiences }) => {
      const { payload } = await jose.jwtVerify(token, publicKey, {
        ...(issuer === undefined ? {} : { issuer }),
        ...(audiences === undefined ? {} : { audience: audiences }),
        algorithms: ['RS256'],
        requiredClaims: ['exp'],
      });
      return payload;
    },
  };
}

/** An error of jose in the words of Resource Manager. `expected` is what the token was held against, `authority` where the client may sign in. */
export function refusalOf(
  error: unknown,
  expected: { audiences: string[]; issuer: string; authority: string },
): TokenRefused {
  const { audiences, issuer, authority } = expected;
  const { code, claim, payload } = error as { code?: string; claim?: string; payload?: { iss?: unknown } };
  if (code === 'ERR_JWT_EXPIRED') {
    return new TokenRefused(
      'ExpiredAuthenticationToken',
      `The access token expiry UTC time is earlier than current UTC time '${new Date().toISOString()}'.`,
      authority,
    );
  }
  const wrong = code === 'ERR_JWT_CLAIM_VALIDATION_FAILED' ? claim : undefined;
  if (wrong === 'aud') {
    return new TokenRefused(
      'InvalidAuthenticationTokenAudience',
      `The access token has been obtained for wrong audience or resource. It should exactly match with one of the allowed audiences ${audiences.map(a => `'${a}'`).join(',')}.`,
      authority,
    );
  }
  if (wrong === 'iss') {
    return new TokenRefused(
      'InvalidAuthenticationTokenTenant',
      `The access token is from the wrong issuer '${String(payload?.iss)}'. It must match the tenant '${issuer}' associated with this subscription. Please use the authority (URL) '${authority}' to get the token.`,
      authority,
    );
  }
  const text = wrong === 'nbf' ? 'The access token is not yet valid.' : 'The access token is invalid.';
  return new TokenRefused('InvalidAuthenticationToken', text, authority);
}
