import type { Workspace } from './workspace';

/**
 * Gives an endpoint a new primary or secondary key; the service chooses it. The old one is refused from then on.
 * @throws TaskError
 */
export async function regenerateKey(
  workspace: Workspace,
  endpoint: string,
  keyType: 'Primary' | 'Secondary',
  signal: AbortSignal,
): Promise<void> {
  try {
    await workspace.client.onlineEndpoints.beginRegenerateKeysAndWait(
      workspace.resourceGroup,
      workspace.name,
      endpoint,
      { keyType },
      { abortSignal: signal, updateIntervalInMs: 1000 },
    );
  } catch (error) {
    throw workspace.explain(error, `give the endpoint '${endpoint}' a new ${keyType.toLowerCase()} key`);
  }
}
