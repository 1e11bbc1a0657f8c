import type { FastifyInstance } from 'fastify';
import { userError } from '../arm/arm-error';
import type { AzureContext } from '../context';
import type { ComponentLookup } from '../jobs/component-lookup';
import { assetName, type AssetWords, assetWords } from './asset-body';
import { findVersion } from './asset-reference';
import { versionResource } from './asset-resource';
import { registerAssets } from './asset-routes';
import { VersionStore, type StoredVersion } from './version-store';

interface ComponentProperties extends AssetWords {
  /** The component as its YAML file has it, with ids for code and environment. */
  componentSpec: Record<string, unknown>;
  stage: string;
  provisioningState: string;
}

interface Versioned {
  Params: { name: string; version: string };
  Body: { properties?: Record<string, unknown> } | undefined;
}

/** Components: containers and versions. What a version specifies never changes; its words, tags and whether it is archived do. */
export function registerComponents(app: FastifyInstance, context: AzureContext): ComponentLookup {
  const { workspaceArmId } = context;
  const components = new VersionStore<ComponentProperties>(context.journal, 'components');
  const show = (stored: StoredVersion<ComponentProperties>): unknown =>
    versionResource(workspaceArmId, 'components', stored);

  registerAssets(app, context, components, { kind: 'components', what: 'component', show });
  app.put<Versioned>('/components/:name/versions/:version', (request, reply) => {
    const name = assetName('component', request.params.name);
    const version = assetName('component version', request.params.version);
    const given = request.body?.properties ?? {};
    const { componentSpec } = given;
    if (typeof componentSpec !== 'object' || componentSpec === null || Array.isArray(componentSpec))
      throw userError('The componentSpec field is required.', { target: 'componentSpec' });
    const spec = componentSpec as Record<string, unknown>;
    const old = components.get(name, version);
    if (old && !sameSpecification(old.properties.componentSpec, spec)) {
      throw userError(
        `Component ${name}, version ${version}, exists already, and what it specifies cannot be changed.`,
        {
          innerCode: 'ImmutableAssetError',
          target: 'componentSpec',
        },
      );
    }
    const stored = components.put(
      name,
      version,
      {
        ...assetWords(given),
        // Name and version of an anonymous component are what its path says.
        componentSpec: { ...spec, name, version },
        stage: typeof given.stage === 'string' ? given.stage : 'Development',
        provisioningState: 'Succeeded',
      },
      request.caller?.clientId ?? '',
    );
    return reply.code(old ? 200 : 201).send(show(stored));
  });
  return reference => {
    const stored = findVersion(components, reference, context);
    return (
      stored && {
        id: `${workspaceArmId}/components/${stored.name}/versions/${stored.version}`,
        spec: stored.properties.componentSpec,
      }
    );
  };
}

/** Name and version stand in the path; display name, words and tags may change. */
function sameSpecification(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const free = new Set(['name', 'version', 'display_name', 'description', 'tags', '_source', '$schema']);
  const essence = (spec: Record<string, unknown>): string =>
    JSON.stringify(
      Object.entries(spec)
        .filter(([key]) => !free.has(key))
        .sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  return essence(a) === essence(b);
}
