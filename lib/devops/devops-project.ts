import { BearerCredentialHandler } from 'azure-devops-node-api/handlers/bearertoken';
import type { IRequestOptions } from 'azure-devops-node-api/interfaces/common/VsoBaseInterfaces';
import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';

/** The project in Azure DevOps whose pipeline runs the task, and how to speak to it with the job's own token. */
export interface DevOpsProject {
  /** Of the organisation, with a slash at the end. */
  readonly collectionUri: string;
  /** Id or name. */
  readonly project: string;
  /**
   * Makes a client of azure-devops-node-api. Not by its WebApi, which carries every area of the service into the bundle: an area is at
   * the collection's own address, and the client asks there (OPTIONS) for its routes and versions.
   */
  client<T>(Api: new (url: string, handlers: BearerCredentialHandler[], options: IRequestOptions) => T): T;
}

const timeoutMilliseconds = 30_000;

/**
 * The job's token is a parameter of the connection SYSTEMVSSCONNECTION, whether scripts may have it or not.
 * @returns undefined outside Azure DevOps, such as at a terminal
 * @throws TaskError when the agent passed no token
 */
export function devOpsProject(host: TaskHost): DevOpsProject | undefined {
  const project = host.variable('System.TeamProjectId') ?? host.variable('System.TeamProject');
  const collectionUri = host.variable('System.CollectionUri') ?? host.variable('System.TeamFoundationCollectionUri');
  if (project === undefined || collectionUri === undefined) return undefined;
  const token = host.connection('SYSTEMVSSCONNECTION').auth('AccessToken');
  if (!token)
    throw new TaskError('The agent passed no access token for Azure DevOps (System.AccessToken).', {
      code: 'GuardianConnection',
    });
  const proxy = host.proxy(collectionUri);
  const options: IRequestOptions = {
    socketTimeout: timeoutMilliseconds,
    allowRetries: true,
    maxRetries: 2,
    ...(proxy === undefined ? {} : { proxy: proxyOf(proxy) }),
  };
  return {
    collectionUri: collectionUri.replace(/\/*$/, '/'),
    project,
    client: Api => new Api(collectionUri, [new BearerCredentialHandler(token, false)], options),
  };
}

function proxyOf(url: string): NonNullable<IRequestOptions['proxy']> {
  const { protocol, host, username, password } = new URL(url);
  const signIn = { proxyUsername: decodeURIComponent(username), proxyPassword: decodeURIComponent(password) };
  return { proxyUrl: `${protocol}//${host}`, ...(username === '' ? {} : signIn) };
}

/** What the service said, with the permission that is usually missing. */
export function explainDevOps(error: unknown, doing: string, permission: string): string {
  const { statusCode } = error as { statusCode?: number };
  const said = error instanceof Error ? error.message : String(error);
  const hint =
    statusCode === 401 || statusCode === 403
      ? ` Give the project's build service (the identity of System.AccessToken) the permission "${permission}", or leave this out.`
      : '';
  return `${doing} failed: ${statusCode === undefined ? '' : `HTTP ${statusCode}, `}${said}${hint} The task goes on without it.`;
}
