import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { userError } from '../arm/arm-error';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { assetName, type AssetWords, assetWords } from './asset-body';
import { findVersion } from './asset-reference';
import { versionResource } from './asset-resource';
import { registerAssets } from './asset-routes';
import { samePlace } from './data-uri';
import { VersionStore, type StoredVersion } from './version-store';

export interface CodeProperties extends AssetWords {
  place: BlobPlace;
}

const uploadHours = 4;

/** Code assets: search by content hash over all of them, upload places, versions. */
export function registerCodes(app: FastifyInstance, context: AzureContext): CodeLookup {
  const codes = new VersionStore<CodeProperties>(context.journal, 'codes');
  /** From content hash to `name/version` of the first code with it. */
  const byHash = context.journal.collection<{ name: string; version: string }>('codes-by-hash');
  const show = (stored: StoredVersion<CodeProperties>): unknown => {
    const { place, ...properties } = stored.properties;
    return versionResource(context.workspaceArmId, 'codes', stored, {
      ...properties,
      codeUri: context.blobs.blobUrl(place.container, place.path),
      provisioningState: 'Succeeded',
    });
  };

  const storedUnder = (hash: string): StoredVersion<CodeProperties>[] => {
    const key = byHash.get(hash);
    const stored = key && codes.get(key.name, key.version);
    return stored ? [stored] : [];
  };

  registerAssets(app, context, codes, {
    kind: 'codes',
    what: 'code',
    show,
    // The name in the path is a fresh GUID when a client looks for a hash: the search goes over all codes.
    search: ({ hash }) => (typeof hash === 'string' ? storedUnder(hash) : undefined),
  });
  registerPendingUpload(app, context, 'codes');
  app.put<{ Params: { name: string; version: string }; Body: { properties?: Record<string, unknown> } | undefined }>(
    '/codes/:name/versions/:version',
    (request, reply) => {
      const name = assetName('code', request.params.name);
      const version = assetName('code version', request.params.version);
      const given = request.body?.properties ?? {};
      const place = typeof given.codeUri === 'string' ? context.blobs.locate(given.codeUri) : undefined;
      if (!place) {
        throw userError(
          `The codeUri '${String(given.codeUri)}' is not a blob URL of the workspace's storage account.`,
          { target: 'codeUri' },
        );
      }
      const old = codes.get(name, version);
      if (old && !samePlace(old.properties.place, place)) {
        throw userError('Asset paths cannot be updated.', { innerCode: 'ImmutablePathsError' });
      }
      const words = assetWords(given);
      const stored = codes.put(name, version, { ...words, place }, request.caller?.clientId ?? '');
      const hash = words.properties.hash_sha256;
      if (hash !== undefined && !byHash.get(hash)) byHash.set(hash, { name, version });
      return reply.code(old ? 200 : 201).send(show(stored));
    },
  );
  return reference => findVersion(codes, reference, context)?.properties.place;
}

/** Where the files of a code asset lie; undefined when there is no such asset. */
export type CodeLookup = (reference: string) => BlobPlace | undefined;

/** `POST {kind}/{name}/versions/{version}/startPendingUpload`: a fresh container each time, with a SAS that may write to it. */
export function registerPendingUpload(app: FastifyInstance, context: AzureContext, kind: string): void {
  app.post<{ Params: { name: string; version: string }; Body: { pendingUploadType?: string } | undefined }>(
    `/${kind}/:name/versions/:version/startPendingUpload`,
    async request => {
      const type = request.body?.pendingUploadType ?? 'TemporaryBlobReference';
      if (type !== 'TemporaryBlobReference')
        throw userError(`The pendingUploadType '${type}' is not supported; use TemporaryBlobReference.`);
      const id = randomUUID();
      const container = `${context.identity.workspaceId.slice(0, 8)}-${id}`;
      await context.blobs.container(container);
      return {
        pendingUploadId: id,
        pendingUploadType: type,
        blobReferenceForConsumption: {
          blobUri: context.blobs.blobUrl(container),
          storageAccountArmId: storageAccountArmId(context),
          credential: {
            credentialType: 'SAS',
            sasUri: context.blobs.sasUrl(container, '', 'racwl', uploadHours),
          },
        },
      };
    },
  );
}

/** ARM id of the workspace's storage account. */
export function storageAccountArmId(context: AzureContext): string {
  const { subscriptionId, resourceGroup } = context.identity;
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Storage/storageAccounts/${context.blobs.account.name}`;
}
