import type { ServerCertificate } from '../certificates';
import type { Journal } from '../journal';
import type { Directory } from './directory/directory';
import type { Operations } from './arm/operations';
import type { BlobStore } from './blob/blob-store';
import type { EnvironmentLookup } from './assets/environment-lookup';
import type { ModelLookup } from './assets/model-lookup';
import type { Datastores } from './workspace/datastores';

/** Who and where this Azure is. Made at the first start in a state folder and kept there. */
export interface AzureIdentity {
  tenantId: string;
  subscriptionId: string;
  /** The service principal with the Contributor role on the resource group. */
  clientId: string;
  clientSecret: string;
  resourceGroup: string;
  workspace: string;
  workspaceId: string;
  region: string;
}

/** What every part of local Azure gets. One per running server. */
export interface AzureContext {
  readonly identity: AzureIdentity;
  /** `https://127.0.0.1:PORT`, without a slash at the end. Readable once the server listens; throws before. */
  readonly baseUrl: string;
  /** ARM id of the workspace. */
  readonly workspaceArmId: string;
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly datastores: Datastores;
  readonly operations: Operations;
  readonly directory: Directory;
  readonly models: ModelLookup;
  readonly environments: EnvironmentLookup;
  readonly certificate: ServerCertificate;
  readonly stateDir: string;
  /** Folder for what may be thrown away and made again: Python environments, images. Shared by state folders. */
  readonly cacheDir: string;
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
  /** One line for the people in front of the screen. */
  log: (line: string) => void;
  /**
   * Notes that something slow to make was needed, for example `the Python environment of guardian-training`, and whether it was there
   * already. What counts is the first time: later uses find what this run made.
   */
  noteUse(what: string, wasThere: boolean): void;
  /** Runs `action` once the server listens, before `startLocalAzure` returns; for work that a restart interrupted. */
  onStart(action: () => Promise<void>): void;
  /** Runs `action` when the server stops, last registered first; for processes and timers. */
  onStop(action: () => Promise<void>): void;
}
