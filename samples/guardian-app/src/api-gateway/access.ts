import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

export type Role = 'uploader' | 'reviewer';

export interface Caller {
  name: string;
  roles: string[];
}

export class AccessRefused extends Error {
  constructor(
    readonly status: 401 | 403,
    message: string,
  ) {
    super(message);
  }
}

export interface AccessSettings {
  JWT_ISSUER: string;
  JWT_AUDIENCE: string;
  /** The identity provider's keys; Microsoft Entra: https://login.microsoftonline.com/TENANT/discovery/v2.0/keys */
  JWT_JWKS_URL?: string | undefined;
}

/** Checks bearer tokens: signature, issuer, audience, time, and the claim `roles`. */
export function accessCheck(
  settings: AccessSettings,
  sharedSecret: string | undefined,
): (authorization: string | undefined) => Promise<Caller> {
  const { JWT_JWKS_URL, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = settings;
  const keys = JWT_JWKS_URL === undefined ? undefined : createRemoteJWKSet(new URL(JWT_JWKS_URL));
  if (!keys && (sharedSecret?.length ?? 0) < 32)
    throw new Error('JWT_JWKS_URL, or a JWT_SECRET of 32 characters at least, is needed.');
  return async authorization => {
    const [, token] = /^Bearer (\S+)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) throw new AccessRefused(401, 'A bearer token is needed.');
    try {
      const options = { issuer, audience, requiredClaims: ['sub', 'exp'] };
      const { payload } = keys
        ? await jwtVerify(token, keys, { ...options, algorithms: ['RS256', 'ES256'] })
        : await jwtVerify(token, new TextEncoder().encode(sharedSecret), { ...options, algorithms: ['HS256'] });
      const roles = Array.isArray(payload['roles']) ? payload['roles'].map(String) : [];
      return { name: payload.sub ?? '', roles };
    } catch (error) {
      if (error instanceof errors.JOSEError)
        throw new AccessRefused(401, `The token is not accepted: ${error.message}`);
      throw error;
    }
  };
}

/** @throws AccessRefused */
export function requireRole(caller: Caller, ...roles: Role[]): void {
  if (!roles.some(role => caller.roles.includes(role)))
    throw new AccessRefused(403, `This needs the role ${roles.join(' or ')}.`);
}
