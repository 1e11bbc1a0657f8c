import type { FastifyInstance } from 'fastify';
import { ArmError, notFound, userError } from '../arm/arm-error';
import { assetName } from '../assets/asset-body';
import { findVersion } from '../assets/asset-reference';
import type { EnvironmentStore } from '../assets/environments';
import type { ModelStore } from '../assets/models';
import type { StoredVersion, VersionStore } from '../assets/version-store';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { freshContainer } from './registry-storage';

interface Assets {
  context: AzureContext;
  models: ModelStore;
  environments: EnvironmentStore;
}

interface Import {
  Body: { properties?: Record<string, unknown> } | undefined;
}

/**
 * POST import, what `share` of the clients calls: brings a version of a workspace's model or environment into the registry. The files are
 * copied: what a registry holds does not depend on the workspace. `app` is the scope below the registry.
 */
export function registerImport(app: FastifyInstance, from: Assets, to: Assets): void {
  const { context } = to;
  app.post<Import>('/import', (request, reply) => {
    const given = request.body?.properties ?? {};
    const source = String(given.sourceAssetId);
    const kind = /\/(models|environments|data|components|codes)\/[^/]+\/versions\/[^/]+$/i.exec(source)?.[1];
    const by = request.caller?.clientId ?? '';
    const start = (asset: { name: string; version: string }, run: () => Promise<void>): unknown => {
      const resource = `${context.workspaceArmId}/${kind}/${asset.name}/versions/${asset.version}`;
      const operation = context.operations.start({ kind: 'registry-import', resource, prefix: 'raidp', run });
      return reply.code(202).headers(operation.resultHeaders).send();
    };
    switch (kind?.toLowerCase()) {
      case 'models': {
        const found = sourceOf(from.models, source, from.context);
        const asset = destination(given, found, to.models);
        return start(asset, async () => {
          const place = await copied(context, found.properties.place);
          to.models.put(asset.name, asset.version, { ...found.properties, isArchived: false, place }, by);
        });
      }
      case 'environments': {
        const found = sourceOf(from.environments, source, from.context);
        const asset = destination(given, found, to.environments);
        return start(asset, async () => {
          const { build } = found.properties;
          const files = build && context.blobs.locate(build.contextUri);
          const place = files && (await copied(context, files));
          const moved = build && place && { ...build, contextUri: context.blobs.blobUrl(place.container, place.path) };
          const properties = { ...found.properties, isArchived: false, ...(moved ? { build: moved } : {}) };
          to.environments.put(asset.name, asset.version, properties, by);
        });
      }
      default:
        throw userError(
          `The sourceAssetId '${source}' cannot be imported by local Azure; models and environments can be.`,
          { target: 'sourceAssetId' },
        );
    }
  });
}

function sourceOf<P extends { isArchived: boolean }>(
  store: VersionStore<P>,
  source: string,
  workspace: AzureContext,
): StoredVersion<P> {
  const found = findVersion(store, source, workspace);
  if (!found) throw notFound(`The asset ${source} was not found.`);
  return found;
}

/** Name and version in the registry: those of the source unless given. @throws ArmError 409 when the registry has that version */
function destination<P>(
  given: Record<string, unknown>,
  source: { name: string; version: string },
  store: VersionStore<P>,
): { name: string; version: string } {
  const named = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);
  const name = assetName('asset', named(given.destinationName, source.name));
  const version = assetName('asset version', named(given.destinationVersion, source.version));
  if (store.get(name, version))
    throw new ArmError(409, 'UserError', `Asset ${name}, version ${version}, exists already in the registry.`, {
      innerCode: 'ConflictError',
    });
  return { name, version };
}

/** The files of a place in a container of their own; the last name of the path stays. */
async function copied(context: AzureContext, from: BlobPlace): Promise<BlobPlace> {
  const { blobs } = context;
  const container = await freshContainer(context);
  const path = from.path.replace(/\/+$/, '');
  const parent = path.slice(0, path.lastIndexOf('/') + 1);
  const isOne = path !== '' && (await blobs.exists(from.container, path));
  const found = isOne ? [{ path }] : await blobs.list(from.container, path === '' ? '' : `${path}/`);
  for (const blob of found) {
    const read = await blobs.getStream(from.container, blob.path);
    if (read) await blobs.putStream(container, blob.path.slice(parent.length), read.content);
  }
  return { container, path: from.path.slice(parent.length) };
}
