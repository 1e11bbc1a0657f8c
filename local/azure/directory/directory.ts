import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Collection, Journal } from '../../journal';
import { audiencesOf, isKnownAudience, jobAudience, type TokenPlane } from './audiences';
import { TokenRefused, openTokenSigner, refusalOf, type Caller, type TokenSigner } from './directory-tokens';
import { contributor, roleAllows, type FederatedCredential, type Role, type ServicePrincipal } from './principals';

export type { ServicePrincipal } from './principals';

export interface DirectoryOptions {
  journal: Journal;
  tenantId: string;
  /** Readable once the server listens. */
  baseUrl(): string;
  /** Seconds that an access token lives; Azure gives about an hour. */
  accessTokenSeconds: number;
  /** Seconds that the ID token of a pipeline lives; Azure DevOps gives ten minutes. */
  pipelineTokenSeconds: number;
}

/** Audience of the ID tokens that an application trusts in place of a secret. */
export const exchangeAudience = 'api://AzureADTokenExchange';

/** The tenant: service principals, the tokens given out to them, and who a bearer token speaks for. */
export class Directory {
  readonly #principals: Collection<ServicePrincipal>;
  readonly #tokens: TokenSigner;
  readonly #pipelines: TokenSigner;
  readonly #options: DirectoryOptions;

  private constructor(options: DirectoryOptions, tokens: TokenSigner, pipelines: TokenSigner) {
    this.#options = { ...options };
    this.#tokens = tokens;
    this.#pipelines = pipelines;
    this.#principals = options.journal.collection('service-principals');
  }

  static async open(options: DirectoryOptions): Promise<Directory> {
    const [tokens, pipelines] = await Promise.all([
      openTokenSigner(options.journal, 'signing'),
      openTokenSigner(options.journal, 'pipelines'),
    ]);
    return new Directory(options, tokens, pipelines);
  }

  get tenantId(): string {
    return this.#options.tenantId;
  }

  get accessTokenSeconds(): number {
    return this.#options.accessTokenSeconds;
  }

  /** The public keys of access tokens. */
  get keySet(): TokenSigner['keySet'] {
    return this.#tokens.keySet;
  }

  /** The public keys of the pipelines' ID tokens. */
  get pipelineKeySet(): TokenSigner['keySet'] {
    return this.#pipelines.keySet;
  }

  get authority(): string {
    return `${this.#options.baseUrl()}/${this.#options.tenantId}`;
  }

  /** Must be on the authority itself: msal-node refuses any other. */
  get issuer(): string {
    return `${this.authority}/v2.0`;
  }

  /** Issuer of the ID tokens that Azure Pipelines hands to its jobs. */
  get pipelineIssuer(): string {
    return `${this.#options.baseUrl()}/_devops/oidc`;
  }

  /** Changes how long the tokens live that are given out from now on, in seconds; a negative number gives tokens that have run out already. */
  setLifetimes(seconds: Partial<Pick<DirectoryOptions, 'accessTokenSeconds' | 'pipelineTokenSeconds'>>): void {
    Object.assign(this.#options, seconds);
  }

  /** The principal of that name, made at first use with a random secret. */
  ensurePrincipal(displayName: string, hasAccess: boolean): ServicePrincipal {
    for (const [, principal] of this.#principals.entries()) {
      if (principal.displayName === displayName) return principal;
    }
    return this.addPrincipal(displayName, hasAccess ? contributor : undefined);
  }

  /** A new application with a secret. Without a role it may sign in and do nothing. */
  addPrincipal(displayName: string, role?: Role, more: Partial<ServicePrincipal> = {}): ServicePrincipal {
    const made: ServicePrincipal = {
      clientId: randomUUID(),
      objectId: randomUUID(),
      clientSecret: randomBytes(30).toString('base64url'),
      displayName,
      hasAccess: role !== undefined,
      ...(role === undefined ? {} : { role }),
      ...more,
    };
    this.#principals.set(made.clientId, made);
    return made;
  }

  /** Changes a principal. @throws Error for an unknown one */
  changePrincipal(clientId: string, change: Partial<Omit<ServicePrincipal, 'clientId'>>): ServicePrincipal {
    const principal = this.principal(clientId);
    if (!principal) throw new Error(`The directory has no application ${clientId}.`);
    const changed = { ...principal, ...change };
    this.#principals.set(principal.clientId, changed);
    return changed;
  }

  /** Lets an application sign in with assertions that this certificate's key has signed. `certificate` is PEM. */
  addCertificate(clientId: string, certificate: string): void {
    const { certificates = [] } = this.principal(clientId) ?? {};
    this.changePrincipal(clientId, { certificates: [...certificates, certificate] });
  }

  /** Lets an application sign in with the tokens of another issuer. The same one twice is kept once. */
  addFederatedCredential(clientId: string, added: FederatedCredential): void {
    const { federated = [] } = this.principal(clientId) ?? {};
    const isThere = federated.some(
      one => one.issuer === added.issuer && one.subject === added.subject && one.audience === added.audience,
    );
    if (!isThere) this.changePrincipal(clientId, { federated: [...federated, added] });
  }

  /** Makes every token worthless that was given out to the application so far. */
  revokeTokens(clientId: string): void {
    this.changePrincipal(clientId, { generation: (this.principal(clientId)?.generation ?? 0) + 1 });
  }

  principal(clientId: string): ServicePrincipal | undefined {
    return this.#principals.get(clientId.toLowerCase());
  }

  /** The first principal for which `wanted` holds. */
  findPrincipal(wanted: (principal: ServicePrincipal) => boolean): ServicePrincipal | undefined {
    for (const [, principal] of this.#principals.entries()) if (wanted(principal)) return principal;
    return undefined;
  }

  hasSecret(principal: ServicePrincipal, secret: string): boolean {
    const expected = Buffer.from(principal.clientSecret);
    const given = Buffer.from(secret);
    return expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given);
  }

  /** Whether tokens for that resource are given out. `resource` is the scope without `/.default`. */
  isKnownResource(resource: string): boolean {
    return isKnownAudience(resource, this.#options.baseUrl());
  }

  accessToken(principal: ServicePrincipal, audience: string, seconds = this.accessTokenSeconds): Promise<string> {
    return this.#tokens.sign(
      {
        iss: this.issuer,
        aud: audience,
        tid: this.tenantId,
        appid: principal.clientId,
        azp: principal.clientId,
        oid: principal.objectId,
        sub: principal.objectId,
        idtyp: 'app',
        app_displayname: principal.displayName,
        uti: randomUUID(),
        ver: '2.0',
        generation: principal.generation ?? 0,
      },
      seconds,
    );
  }

  /** The token that a job's process gets for MLflow and run history. It is good as long as the job is under way, which the planes check. */
  jobToken(job: string, lifetimeSeconds: number): Promise<string> {
    return this.#tokens.sign(
      { iss: this.issuer, aud: jobAudience, tid: this.tenantId, sub: job, jti: randomUUID() },
      lifetimeSeconds,
    );
  }

  /** The ID token that a pipeline job shows for a service connection with workload identity federation. */
  pipelineToken(subject: string, more: Record<string, unknown> = {}): Promise<string> {
    return this.#pipelines.sign(
      { iss: this.pipelineIssuer, aud: exchangeAudience, sub: subject, jti: randomUUID(), ...more },
      this.#options.pipelineTokenSeconds,
    );
  }

  /** Checks signature and times of a token of the pipelines' issuer. @throws jose's errors */
  verifyPipelineToken(assertion: string): Promise<Record<string, unknown>> {
    return this.#pipelines.verify(assertion, { issuer: this.pipelineIssuer });
  }

  /**
   * Who a bearer token speaks for. Plane `arm` takes tokens for Resource Manager; `workspace` (run history, MLflow) also those for Azure ML and
   * those of jobs; `scoring` those for Azure ML; `storage` those for Storage.
   * @throws TokenRefused
   */
  async identify(token: string, plane: TokenPlane): Promise<Caller> {
    const audiences = audiencesOf(plane, this.#options.baseUrl());
    let claims: Record<string, unknown>;
    try {
      claims = await this.#tokens.verify(token, { issuer: this.issuer, audiences });
    } catch (error) {
      throw refusalOf(error, { audiences, issuer: this.issuer, authority: this.authority });
    }
    if (claims.aud === jobAudience && typeof claims.sub === 'string') {
      return { clientId: 'workspace-job', objectId: claims.sub, hasAccess: true, allows: () => true, job: claims.sub };
    }
    const principal = typeof claims.appid === 'string' ? this.principal(claims.appid) : undefined;
    if (!principal) throw this.#invalid('The access token is from an application that this tenant does not have.');
    if (claims.generation !== (principal.generation ?? 0)) throw this.#invalid('The access token has been revoked.');
    const { clientId, objectId, hasAccess } = principal;
    const role = principal.role ?? contributor;
    return { clientId, objectId, hasAccess, allows: action => hasAccess && roleAllows(role, action) };
  }

  #invalid(message: string): TokenRefused {
    return new TokenRefused('InvalidAuthenticationToken', message, this.authority);
  }
}
