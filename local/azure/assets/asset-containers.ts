import type { FastifyInstance } from 'fastify';
import type { AzureContext } from '../context';
import { assetName, stringMap } from './asset-body';
import { containerList } from './asset-lists';
import { containerResource } from './asset-resource';
import type { VersionStore } from './version-store';

/**
 * What belongs to an asset's name and not to one of its versions: listed, read, and changed (described, tagged, archived as a whole).
 * `kind` as in the path, `what` for messages; `missing` is what to throw for a name that is not there.
 */
export function registerContainers<P>(
  app: FastifyInstance,
  context: AzureContext,
  store: VersionStore<P>,
  { kind, what, missing }: { kind: string; what: string; missing: (name: string) => Error },
): void {
  const show = (container: Parameters<typeof containerResource>[2]): unknown =>
    containerResource(context.workspaceArmId, kind, container);
  app.get(`/${kind}`, request => containerList(request, store, { baseUrl: context.baseUrl, show }));
  app.get<{ Params: { name: string } }>(`/${kind}/:name`, request => {
    const container = store.container(request.params.name);
    if (!container) throw missing(request.params.name);
    return show(container);
  });
  app.put<{ Params: { name: string }; Body: { properties?: Record<string, unknown> } | undefined }>(
    `/${kind}/:name`,
    (request, reply) => {
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
      return reply.code(isNew ? 201 : 200).send(show(container));
    },
  );
}
