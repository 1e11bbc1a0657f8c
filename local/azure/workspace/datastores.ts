import { userError } from '../arm/arm-error';
import type { Body } from '../jobs/body-fields';
import type { Collection, Journal } from '../../journal';

/** A datastore as it is kept. */
export interface Datastore {
  name: string;
  kind: 'AzureBlob' | 'AzureFile' | 'AzureDataLakeGen1' | 'AzureDataLakeGen2' | 'OneLake';
  /** Container, file share, file system, store or artifact. */
  place: string;
  /** Absent for a store that has none, and for those of the workspace's own account. */
  account?: string;
  /** What else the resource shows of itself. */
  properties: Body;
  /** `credentialsType` and what of the credentials is no secret. */
  credentials: Body;
  /** What `listSecrets` answers; null when the credentials have none. */
  secrets: Body | null;
}

/** Container of the datastore that holds what jobs leave behind. */
export const artifactContainer = 'azureml';
export const artifactDatastore = 'workspaceartifactstore';
export const defaultDatastore = 'workspaceblobstore';

/** The datastores of the workspace: the four that it comes with, and those that were added. */
export class Datastores {
  readonly #own: readonly Datastore[];
  readonly #added: Collection<Datastore>;

  /** `account` is the workspace's storage account, the only one that local Azure has. */
  constructor(
    journal: Pick<Journal, 'collection'>,
    workspaceGuid: string,
    readonly account: { name: string; key: string },
  ) {
    this.#added = journal.collection('datastores');
    const own = (name: string, kind: Datastore['kind'], place: string): Datastore => ({
      name,
      kind,
      place,
      account: account.name,
      properties: { description: null, tags: null, serviceDataAccessAuthIdentity: 'None' },
      credentials: { credentialsType: 'AccountKey' },
      secrets: { secretsType: 'AccountKey', key: account.key },
    });
    this.#own = [
      own(defaultDatastore, 'AzureBlob', `azureml-blobstore-${workspaceGuid}`),
      own(artifactDatastore, 'AzureBlob', artifactContainer),
      // File shares are listed, as in Azure, but nothing here serves them.
      own('workspacefilestore', 'AzureFile', `azureml-filestore-${workspaceGuid}`),
      own('workspaceworkingdirectory', 'AzureFile', 'code-391ff5ac-6576-460f-ba4d-7e03433c68b6'),
    ];
  }

  all(): Datastore[] {
    return [...this.#own, ...[...this.#added.entries()].map(([, store]) => store)];
  }

  get(name: string): Datastore | undefined {
    return this.#own.find(store => store.name === name) ?? this.#added.get(name);
  }

  /** Whether the workspace came with it: such a datastore stays as it is. */
  isOwn(name: string): boolean {
    return this.#own.some(store => store.name === name);
  }

  put(store: Datastore): void {
    this.#added.set(store.name, store);
  }

  delete(name: string): void {
    this.#added.delete(name);
  }

  /**
   * The blob container behind a datastore; undefined when there is no datastore of this name.
   * @throws ArmError 400 when what is behind it is not in the workspace's storage account
   */
  containerOf(name: string): string | undefined {
    const store = this.get(name);
    if (!store) return undefined;
    if (store.kind === 'AzureBlob' && store.account === this.account.name) return store.place;
    const where = store.account === undefined ? store.place : `the storage account ${store.account}`;
    throw userError(
      `The datastore ${name} (${store.kind}) is in ${where}, which cannot be reached: local Azure has only the blobs of the storage account ${this.account.name}.`,
      { target: name },
    );
  }

  /** The datastore that has this container of the workspace's storage account. */
  nameOf(container: string): string | undefined {
    const isIt = (store: Datastore): boolean =>
      store.kind === 'AzureBlob' && store.place === container && store.account === this.account.name;
    return this.all().find(isIt)?.name;
  }

  /** The containers that clients expect to be there. */
  get ownContainers(): string[] {
    return this.#own.filter(({ kind }) => kind === 'AzureBlob').map(({ place }) => place);
  }
}
