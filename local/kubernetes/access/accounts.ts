import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Journal } from '../../journal';
import { unauthorized } from '../api/status-error';
import { omit, type ApiObject } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';

/** Who sends a request. */
export interface User {
  name: string;
  groups: readonly string[];
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

const administrator: User = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };
const issuer = 'https://kubernetes.default.svc.cluster.local';

/** Credentials of the cluster: the administrator's token and the signed tokens of service accounts. */
export interface Accounts {
  readonly administratorToken: string;
  /** A token that ends with `lifetimeSeconds`; without, one that lasts as long as its Secret (`secretName`). */
  issue(
    account: ApiObject,
    o: { lifetimeSeconds: number; audiences?: string[] } | { secretName: string },
  ): Promise<{ token: string; expirationTimestamp?: string }>;
  /** Who a bearer token speaks for. @throws StatusError 401 */
  authenticate(token: string | undefined): Promise<User>;
}

/**
 * Reads or makes the keys. They are kept, so that a kubeconfig and tokens stay good over a restart.
 * @param entraUser who a token of Entra ID speaks for, where the cluster takes those
 */
export async function openAccounts(
  journal: Journal,
  store: ObjectStore,
  entraUser: (token: string) => Promise<string | undefined> = () => Promise.resolve(undefined),
): Promise<Accounts> {
  // jose is an ES module only.
  const jose = await import('jose');
  const kept = journal.collection<Record<string, unknown>>('kubernetes-keys');
  let own = kept.get('administrator') as { token: string } | undefined;
  if (!own) {
    own = { token: randomBytes(32).toString('base64url') };
    kept.set('administrator', own);
  }
  const administratorToken = own.token;
  let jwk = kept.get('service-accounts');
  if (!jwk) {
    const pair = await jose.generateKeyPair('ES256', { extractable: true });
    jwk = { ...(await jose.exportJWK(pair.privateKey)), kid: randomUUID(), alg: 'ES256' };
    kept.set('service-accounts', jwk);
  }
  const publicJwk = omit(jwk, 'd');
  const privateKey = await jose.importJWK(jwk, 'ES256');
  const publicKey = await jose.importJWK(publicJwk, 'ES256');
  const header = { alg: 'ES256', kid: String(jwk.kid) };

  const userOf = (claims: Record<string, unknown>): User => {
    const { namespace, name, uid, secret } = bindingOf(claims);
    const account = store.get(resourceNamed('serviceaccounts'), namespace, name);
    if (!account || account.metadata.uid !== uid) throw unauthorized();
    if (secret !== undefined && !store.get(resourceNamed('secrets'), namespace, secret)) throw unauthorized();
    return {
      name: `system:serviceaccount:${namespace}:${name}`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    };
  };

  return {
    administratorToken,
    issue: async (account, o) => {
      const { namespace = '', name, uid } = account.metadata;
      const subject = `system:serviceaccount:${namespace}:${name}`;
      if ('secretName' in o) {
        const claims = {
          'kubernetes.io/serviceaccount/namespace': namespace,
          'kubernetes.io/serviceaccount/secret.name': o.secretName,
          'kubernetes.io/serviceaccount/service-account.name': name,
          'kubernetes.io/serviceaccount/service-account.uid': uid,
        };
        const jwt = new jose.SignJWT(claims).setProtectedHeader(header).setSubject(subject);
        return { token: await jwt.setIssuer('kubernetes/serviceaccount').sign(privateKey) };
      }
      const now = Math.floor(Date.now() / 1000);
      const end = now + o.lifetimeSeconds;
      const jwt = new jose.SignJWT({ 'kubernetes.io': { namespace, serviceaccount: { name, uid } } })
        .setProtectedHeader(header)
        .setSubject(subject)
        .setIssuer(issuer)
        .setAudience(o.audiences?.length ? o.audiences : [issuer])
        .setIssuedAt(now)
        .setExpirationTime(end);
      return { token: await jwt.sign(privateKey), expirationTimestamp: new Date(end * 1000).toISOString() };
    },
    authenticate: async token => {
      if (token === undefined) return anonymous;
      if (sameText(token, administratorToken)) return administrator;
      const claims = await jose.jwtVerify(token, publicKey, { algorithms: ['ES256'] }).then(
        ({ payload }) => payload,
        () => undefined,
      );
      if (!claims) {
        const name = await entraUser(token);
        if (name === undefined) throw unauthorized();
        return { name, groups: ['system:authenticated'] };
      }
      // A token for somebody else's ears is none for ours.
      if (claims.aud !== undefined && ![claims.aud].flat().includes(issuer)) throw unauthorized();
      return userOf(claims);
    },
  };
}

function bindingOf(claims: Record<string, unknown>): { namespace: string; name: string; uid: string; secret?: string } {
  const bound = claims['kubernetes.io'] as
    { namespace: string; serviceaccount: { name: string; uid: string } } | undefined;
  if (bound) return { namespace: bound.namespace, ...bound.serviceaccount };
  const claim = (field: string): string => String(claims[`kubernetes.io/serviceaccount/${field}`]);
  return {
    namespace: claim('namespace'),
    name: claim('service-account.name'),
    uid: claim('service-account.uid'),
    secret: claim('secret.name'),
  };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
