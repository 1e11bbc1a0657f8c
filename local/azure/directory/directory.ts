import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Collection, Journal } from '../../journal';
import { TokenRefused, openDirectoryTokens, type Caller, type DirectoryTokens } from './directory-tokens';

/** An application of the directory with its one secret. */
export interface ServicePrincipal {
  clientId: string;
  objectId: string;
  clientSecret: string;
  displayName: string;
  /** Whether it has the Contributor role on the resource group. */
  hasAccess: boolean;
}

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

/** Audience of the token that a job's process carries; good for run history and MLflow only. */
const jobAudience = 'azureml-run';
const pipelineAudience = 'api://AzureADTokenExchange';
const publicArmAudiences = [
  'https://management.azure.com',
  'https://management.azure.com/',
  'https://management.core.windows.net',
  'https://management.core.windows.net/',
];

/** The tenant: service principals, the tokens given out to them, and who a bearer token speaks for. */
export class Directory {
  readonly #principals: Collection<ServicePrincipal>;

  private constructor(
    private readonly options: DirectoryOptions,
    readonly tokens: DirectoryTokens,
  ) {
    this.#principals = options.journal.collection('service-principals');
  }

  static async open(options: DirectoryOptions): Promise<Directory> {
    return new Directory(options, await openDirectoryTokens(options.journal));
  }

  get tenantId(): string {
    return this.options.tenantId;
  }

  get accessTokenSeconds(): number {
    return this.options.accessTokenSeconds;
  }

  /** Must be on the authority itself: msal-node refuses any other. */
  get issuer(): string {
    return `${this.options.baseUrl()}/${this.options.tenantId}/v2.0`;
  }

  /** Issuer of the ID tokens that Azure Pipelines hands to its jobs. */
  get pipelineIssuer(): string {
    return `${this.options.baseUrl()}/_devops/oidc`;
  }

  /** The principal of that name, made at first use with a random secret. */
  ensurePrincipal(displayName: string, hasAccess: boolean): ServicePrincipal {
    for (const [, principal] of this.#principals.entries()) {
      if (principal.displayName === displayName) return principal;
    }
    const made: ServicePrincipal = {
      clientId: randomUUID(),
      objectId: randomUUID(),
      clientSecret: randomBytes(30).toString('base64url'),
      displayName,
      hasAccess,
    };
    this.#principals.set(made.clientId, made);
    return made;
  }

  principal(clientId: string): ServicePrincipal | undefined {
    return this.#principals.get(clientId.toLowerCase());
  }

  hasSecret(principal: ServicePrincipal, secret: string): boolean {
    const expected = Buffer.from(principal.clientSecret);
    const given = Buffer.from(secret);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }

  /** Whether tokens for that resource are given out. `resource` is the scope without `/.default`. */
  isKnownResource(resource: string): boolean {
    return [
      ...this.#armAudiences(),
      'https://ml.azure.com',
      'https://storage.azure.com',
      'https://storage.azure.com/',
    ].includes(resource);
  }

  accessToken(principal: ServicePrincipal, audience: string): Promise<string> {
    return this.tokens.sign(
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
      },
      this.options.accessTokenSeconds,
    );
  }

  /** The token that a job's process gets for MLflow and run history. It is good as long as the job is under way, which the planes check. */
  jobToken(job: string, lifetimeSeconds: number): Promise<string> {
    return this.tokens.sign(
      { iss: this.issuer, aud: jobAudience, tid: this.tenantId, sub: job, jti: randomUUID() },
      lifetimeSeconds,
    );
  }

  /** The ID token that a pipeline job shows for a service connection with workload identity federation. */
  pipelineToken(serviceConnectionId: string): Promise<string> {
    return this.tokens.sign(
      {
        iss: this.pipelineIssuer,
        aud: pipelineAudience,
        sub: `/sc/guardian/guardian-ai/${serviceConnectionId}`,
        jti: randomUUID(),
      },
      this.options.pipelineTokenSeconds,
    );
  }

  /** Checks an ID token of a pipeline. @throws TokenRefused */
  async checkPipelineToken(assertion: string): Promise<void> {
    await this.tokens.verify(assertion, this.pipelineIssuer, [pipelineAudience]);
  }

  /**
   * Who a bearer token speaks for. Plane `arm` takes tokens for Resource Manager, plane `workspace` (run history, MLflow) those of jobs as well.
   * @throws TokenRefused
   */
  async identify(token: string, plane: 'arm' | 'workspace'): Promise<Caller> {
    const audiences = [
      ...this.#armAudiences(),
      ...(plane === 'workspace' ? ['https://ml.azure.com', jobAudience] : []),
    ];
    const claims = await this.tokens.verify(token, this.issuer, audiences);
    if (claims.aud === jobAudience && typeof claims.sub === 'string') {
      return { clientId: 'workspace-job', objectId: claims.sub, hasAccess: true, job: claims.sub };
    }
    const principal = typeof claims.appid === 'string' ? this.principal(claims.appid) : undefined;
    if (!principal) {
      throw new TokenRefused(
        'InvalidAuthenticationToken',
        'The access token is from an application that this tenant does not have.',
      );
    }
    return { clientId: principal.clientId, objectId: principal.objectId, hasAccess: principal.hasAccess };
  }

  #armAudiences(): string[] {
    const here = this.options.baseUrl();
    return [here, `${here}/`, ...publicArmAudiences];
  }
}
