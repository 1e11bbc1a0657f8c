import { randomBytes, randomUUID } from 'node:crypto';
import type { Journal } from '../journal';
import { newStorageAccount, type StorageAccount } from './blob/azurite';
import type { AzureIdentity } from './context';

/** What is made once for a state folder, apart from the service principals, which the directory keeps. */
export interface StoredIdentity extends Omit<AzureIdentity, 'clientId' | 'clientSecret'> {
  storage: StorageAccount;
  /** Bearer token of the pipeline jobs, for the OIDC endpoint. */
  systemAccessToken: string;
}

/** What a workspace is called. */
export interface WorkspaceNames {
  resourceGroup: string;
  workspace: string;
}

/** The names of the worked example: the sample pipelines and jobs refer to them. */
const names = {
  subscriptionId: '00000000-0000-4000-8000-000000000001',
  resourceGroup: 'guardian-ai-prod',
  workspace: 'guardian-ai-ml-workspace-prod',
  region: 'eastus',
};

/** @throws Error when the state is that of a workspace with other names than the given ones */
export function ensureIdentity(journal: Journal, given?: WorkspaceNames): StoredIdentity {
  const collection = journal.collection<StoredIdentity>('identity');
  let identity = collection.get('azure');
  if (identity && given && (identity.resourceGroup !== given.resourceGroup || identity.workspace !== given.workspace))
    throw new Error(
      `This state is of the workspace ${identity.workspace} in ${identity.resourceGroup}, not of ${given.workspace} in ${given.resourceGroup}. Give another folder with --state.`,
    );
  if (!identity) {
    identity = {
      ...names,
      ...given,
      tenantId: randomUUID(),
      workspaceId: randomUUID(),
      storage: newStorageAccount(),
      systemAccessToken: randomBytes(32).toString('base64url'),
    };
    collection.set('azure', identity);
  }
  return identity;
}

/** ARM id of the workspace of an identity. */
export function armIdOfWorkspace(
  identity: Pick<AzureIdentity, 'subscriptionId' | 'resourceGroup' | 'workspace'>,
): string {
  return `/subscriptions/${identity.subscriptionId}/resourceGroups/${identity.resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${identity.workspace}`;
}
