import type { FastifyInstance } from 'fastify';
import { ArmError } from '../arm/arm-error';
import type { AzureContext } from '../context';
import { assetName, type AssetWords, stringMap } from './asset-body';
import { containerList, versionList } from './asset-lists';
import { isInRegistry } from './asset-reference';
import { containerResource } from './asset-resource';
import type { StoredContainer, StoredVersion, VersionStore } from './version-store';

interface Named {
  Params: { name: string };
  Body: { properties?: Record<string, unknown> } | undefined;
}

interface Versioned {
  Params: { name: string; version: string };
}

/** What the kinds of assets differ in. */
export interface AssetKind<P> {
  /** As in the path, for example `models`. */
  kind: string;
  /** For messages, for example `model`. */
  what: string;
  /** A version as the API shows it. */
  show: (stored: StoredVersion<P>) => unknown;
  /** Answers a list of versions in another way than by name; undefined where it does not apply. */
  search?: (query: Record<string, unknown>) => StoredVersion<P>[] | undefined;
}

/**
 * The routes that all kinds of assets have: what belongs to a name (listed, read, described, tagged, archived as a whole, deleted with all its
 * versions), and its versions (listed, read, deleted). Only how a version is written differs: its PUT is the kind's own.
 */
export function registerAssets<P extends AssetWords>(
  app: FastifyInstance,
  context: AzureContext,
  store: VersionStore<P>,
  { kind, what, show, search }: AssetKind<P>,
): void {
  const { workspaceArmId } = context;
  const missing = (name: string, version?: string): ArmError => missingAsset(what, store.nameLike(name), name, version);
  const showContainer = (container: StoredContainer): unknown => containerResource(workspaceArmId, kind, container);
  app.get(`/${kind}`, request => containerList(request, store, { baseUrl: context.baseUrl, show: showContainer }));
  app.get<Named>(`/${kind}/:name`, request => {
    const container = store.container(request.params.name);
    if (!container) throw missing(request.params.name);
    return showContainer(container);
  });
  app.put<Named>(`/${kind}/:name`, (request, reply) => {
    const name = assetName(what, request.params.name);
    const given = request.body?.properties ?? {};
    const isNew = store.container(name) === undefined;
    const container = store.putContainer(
      name,
      {
        description: typeof given.description === 'string' ? given.description : null,
        tags: stringMap(given.tags, 'tags'),
        properties: stringMap(given.properties, 'properties'),
        isArchived: given.isArchived === true,
      },
      request.caller?.clientId ?? '',
    );
    return reply.code(isNew ? 201 : 200).send(showContainer(container));
  });
  app.delete<Named>(`/${kind}/:name`, (request, reply) => {
    const { name } = request.params;
    if (!store.container(name)) return reply.code(204).send();
    store.deleteContainer(name);
    return reply.code(200).send();
  });
  app.get<Named>(`/${kind}/:name/versions`, request => {
    const { name } = request.params;
    const found = search?.(request.query as Record<string, unknown>);
    // A registry lists nothing for a name that it does not have; azure-ai-ml asks so before each registration.
    if (!found && !store.container(name) && !isInRegistry(workspaceArmId)) throw missing(name);
    return versionList(request, found ? { found } : { store, name }, { baseUrl: context.baseUrl, show });
  });
  app.get<Versioned>(`/${kind}/:name/versions/:version`, request => {
    const { name, version } = request.params;
    const stored = store.get(name, version);
    if (!stored) throw missing(name, store.container(name) && version);
    return show(stored);
  });
  app.delete<Versioned>(`/${kind}/:name/versions/:version`, (request, reply) => {
    const { name, version } = request.params;
    if (!store.get(name, version)) return reply.code(204).send();
    store.delete(name, version);
    return reply.code(200).send();
  });
}

function missingAsset(what: string, near: string | undefined, name: string, version?: string): ArmError {
  const label = what.charAt(0).toUpperCase() + what.slice(1);
  const message =
    version === undefined
      ? `${label} container with name: ${name} not found.`
      : `Asset with type ${label}, name ${name} and version ${version} was not found.`;
  const hint = near === undefined || near === name ? '' : ` Names are case-sensitive: ${near} exists.`;
  return new ArmError(404, 'UserError', message + hint, { innerCode: 'NotFoundError' });
}
