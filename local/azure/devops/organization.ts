import { randomUUID } from 'node:crypto';
import type { Collection, Journal } from '../../journal';
import { exchangeAudience, type Directory } from '../directory/directory';
import { DevOpsError } from './devops-error';

/** A service connection with workload identity federation, as far as its ID tokens are concerned. */
export interface ServiceConnection {
  /** GUID in lower case. */
  id: string;
  name: string;
}

/** What the pipelines' identity may or may not do; the names are those of Azure DevOps' permissions. */
export type Permission = 'PullRequestContribute' | 'UpdateBuildInformation' | 'AdministerVariableGroups';

export interface OrganizationOptions {
  journal: Journal;
  directory: Directory;
  /** Folder for the content of attachments. */
  folder: string;
  /** Readable once the server listens. */
  baseUrl(): string;
  /** The pipelines' token (System.AccessToken). */
  accessToken: string;
}

/** The identity whose token a pipeline's jobs carry. */
export const buildService = {
  displayName: 'guardian-ai Build Service (guardian)',
  id: '0b5e6f1c-7a5d-4c61-9c9e-2f6d8f0a4b11',
  uniqueName: 'Build\\c0ffee00-0000-4000-8000-000000000001',
  descriptor: 'svc.Z3VhcmRpYW46QnVpbGQ',
};

/** The organisation in Azure DevOps with its one project, and who may do what there. */
export class Organization {
  readonly name = 'guardian';
  readonly project = { id: 'c0ffee00-0000-4000-8000-000000000001', name: 'guardian-ai' };
  readonly instanceId: string;
  readonly #connections: Collection<ServiceConnection>;
  readonly #denied = new Set<Permission>();

  constructor(readonly options: OrganizationOptions) {
    const { journal } = options;
    const facts = journal.collection<string>('devops');
    this.instanceId = facts.get('instance') ?? randomUUID();
    facts.set('instance', this.instanceId);
    this.#connections = journal.collection('devops-service-connections');
  }

  /** With a slash at the end, as System.CollectionUri. */
  get collectionUri(): string {
    return `${this.options.baseUrl()}/_devops/`;
  }

  get projectUrl(): string {
    return `${this.collectionUri}${this.project.id}`;
  }

  /** A service connection whose ID tokens sign that application in: `sc://{organisation}/{project}/{connection}` is trusted by it from now on. */
  addServiceConnection(connection: ServiceConnection, clientId: string): void {
    const id = connection.id.toLowerCase();
    const known = this.#connections.get(id);
    if (known?.name !== connection.name) this.#connections.set(id, { id, name: connection.name });
    this.options.directory.addFederatedCredential(clientId, {
      issuer: 'pipelines',
      subject: this.subjectOf(connection),
      audience: exchangeAudience,
    });
  }

  serviceConnection(id: string): ServiceConnection | undefined {
    return this.#connections.get(id.toLowerCase());
  }

  /** The subject of a connection's ID tokens. */
  subjectOf(connection: ServiceConnection): string {
    return `sc://${this.name}/${this.project.name}/${connection.name}`;
  }

  /** Takes a permission from the pipelines' identity, or gives it back. All are given at first. */
  setPermission(permission: Permission, allowed: boolean): void {
    if (allowed) this.#denied.delete(permission);
    else this.#denied.add(permission);
  }

  /** @throws DevOpsError 403 */
  require(permission: Permission): void {
    if (!this.#denied.has(permission)) return;
    const identity = `Build\\${this.project.id}`;
    switch (permission) {
      case 'PullRequestContribute':
        throw new DevOpsError(
          403,
          'GitNeedsPermissionException',
          `TF401027: You need the Git 'PullRequestContribute' permission to perform this action. Details: identity '${identity}', scope 'repository'.`,
        );
      case 'UpdateBuildInformation':
        throw new DevOpsError(
          403,
          'AccessDeniedException',
          `Access denied. ${buildService.displayName} needs Update build information permissions for this pipeline in team project ${this.project.name} to perform the action. For more information, contact the Azure DevOps Server administrator.`,
        );
      case 'AdministerVariableGroups':
        throw new DevOpsError(
          403,
          'AccessDeniedException',
          `You do not have permissions to perform this operation on the variable group. ${buildService.displayName} needs the role Administrator on it.`,
        );
    }
  }

  /** @throws DevOpsError 404 for a project that is not this one, by name or id */
  requireProject(given: string): void {
    const wanted = given.toLowerCase();
    if (wanted === this.project.name || wanted === this.project.id) return;
    throw new DevOpsError(
      404,
      'ProjectDoesNotExistWithNameException',
      `TF200016: The following project does not exist: ${given}. Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server.`,
    );
  }

  /** How the project stands in other resources. */
  projectReference(): Record<string, unknown> {
    const { id, name } = this.project;
    return {
      id,
      name,
      url: `${this.collectionUri}_apis/projects/${id}`,
      state: 'wellFormed',
      revision: 1,
      visibility: 'private',
    };
  }
}
