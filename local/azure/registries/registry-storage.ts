import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { ArmError, userError } from '../arm/arm-error';
import { storageAccountArmId } from '../assets/codes';
import type { VersionStore } from '../assets/version-store';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { registryName } from './registry';

interface Named {
  Params: { name: string; version: string };
  Body: { assetId?: unknown; blobUri?: unknown } | undefined;
}

const sasHours = 4;

/**
 * Where clients put an asset's files before they register it, and how they read them later (api-version 2021-10-01-dataplanepreview, which
 * is what azure-ai-ml speaks to registries). `app` is the scope below the registry.
 */
export function registerRegistryStorage(
  app: FastifyInstance,
  context: AzureContext,
  stores: Record<string, Pick<VersionStore<unknown>, 'get'>>,
): void {
  app.put<Named>('/tempdatarefs/:name/versions/:version', async request => {
    const { kind, name, version } = assetOf(request.body?.assetId);
    if (stores[kind]?.get(name, version))
      throw new ArmError(409, 'UserError', `Asset ${name}, version ${version}, exists already in ${kind}.`, {
        innerCode: 'ConflictError',
      });
    const id = randomUUID();
    const container = await freshContainer(context);
    return {
      temporaryDataReferenceId: id,
      temporaryDataReferenceType: 'TemporaryBlobReference',
      blobReferenceForConsumption: reference(context, { container, path: '' }, 'racwl'),
    };
  });
  app.post<Named>('/datarefs/:name/versions/:version', request => {
    const { blobUri } = request.body ?? {};
    const place = typeof blobUri === 'string' ? context.blobs.locate(blobUri) : undefined;
    if (!place) throw userError(`The blobUri '${String(blobUri)}' is not in the registry's storage.`);
    return { blobReferenceForConsumption: reference(context, place, 'rl') };
  });
}

/** A container that holds one asset, as in a registry's storage account. */
export async function freshContainer(context: AzureContext): Promise<string> {
  const container = `registry-${randomUUID()}`;
  await context.blobs.container(container);
  return container;
}

/** The SAS URL is the container's: clients add the path. */
function reference(context: AzureContext, place: BlobPlace, permissions: string): Record<string, unknown> {
  return {
    blobUri: context.blobs.blobUrl(place.container, place.path),
    storageAccountArmId: storageAccountArmId(context),
    credential: {
      credentialType: 'SAS',
      sasUri: context.blobs.sasUrl(place.container, '', permissions, sasHours),
    },
  };
}

/** `azureml://registries/{r}/{kind}/{name}/versions/{version}`, the only form of ids in these bodies. */
function assetOf(id: unknown): { kind: string; name: string; version: string } {
  const found = /^azureml:\/\/registries\/([^/]+)\/([^/]+)\/([^/]+)\/versions\/([^/]+)$/i.exec(String(id));
  const [, registry = '', kind = '', name = '', version = ''] = found ?? [];
  if (registry.toLowerCase() !== registryName)
    throw userError(`The assetId '${String(id)}' is not one of the registry ${registryName}.`, { target: 'assetId' });
  return { kind, name, version };
}
