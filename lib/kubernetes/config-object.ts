import type { V1ConfigMap, V1Secret } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { Cluster } from './cluster';
import { fieldManager, ownedKeys, type ConfigEntry } from './config-change';
import type { ConfigContent, ConfigKind } from './consumers';
import { isNotFound, isOwnershipConflict, type Attempt } from './kubernetes-error';

/** A ConfigMap or Secret as the cluster holds it. */
export interface StoredConfig extends ConfigContent {
  readonly exists: boolean;
  /** The data keys that we have applied. */
  readonly owned: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Changes with every write; undefined when it does not exist. */
  readonly resourceVersion: string | undefined;
  /** Its content can never change again. */
  readonly immutable: boolean;
}

export interface ConfigTarget {
  readonly kind: ConfigKind;
  readonly namespace: string;
  readonly name: string;
}

/** The object's content; of one that does not exist, an empty one. */
export async function readConfig(cluster: Cluster, target: ConfigTarget): Promise<StoredConfig> {
  const { namespace, name, kind } = target;
  const attempt = attemptOf(target, 'get');
  try {
    return await cluster.call(attempt, async options =>
      kind === 'Secret'
        ? stored(target, await cluster.core.readNamespacedSecret({ namespace, name }, options))
        : stored(target, await cluster.core.readNamespacedConfigMap({ namespace, name }, options)),
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return {
      kind,
      name,
      exists: false,
      data: new Map(),
      owned: [],
      labels: {},
      annotations: {},
      resourceVersion: undefined,
      immutable: false,
    };
  }
}

/** The ConfigMaps of a namespace that carry these labels. */
export function listConfigMaps(cluster: Cluster, namespace: string, labelSelector: string): Promise<StoredConfig[]> {
  const attempt: Attempt = { verb: 'list', resource: 'configmaps', apiGroup: '', namespace };
  return cluster.call(attempt, async options => {
    const { items } = await cluster.core.listNamespacedConfigMap({ namespace, labelSelector }, options);
    return items.map(item => stored({ kind: 'ConfigMap', namespace, name: item.metadata?.name ?? '' }, item));
  });
}

/**
 * Creates an object without content. Two applies of one field manager to a name that is free would both succeed and the
 * second take away what the first has written; of two creations only one succeeds.
 * @throws KubernetesError, see isStaleWrite, when it is there by now
 */
export async function createEmpty(cluster: Cluster, target: ConfigTarget): Promise<StoredConfig> {
  const { kind, namespace, name } = target;
  const request = { namespace, body: { apiVersion: 'v1', kind, metadata: { name, namespace } }, fieldManager };
  return cluster.call(attemptOf(target, 'create'), async options =>
    kind === 'Secret'
      ? stored(target, await cluster.core.createNamespacedSecret(request, options))
      : stored(target, await cluster.core.createNamespacedConfigMap(request, options)),
  );
}

/** Deletes an object; one that is gone already is fine. */
export async function deleteConfig(cluster: Cluster, target: ConfigTarget): Promise<void> {
  const { kind, namespace, name } = target;
  try {
    await cluster.call(attemptOf(target, 'delete'), async options => {
      if (kind === 'Secret') await cluster.core.deleteNamespacedSecret({ namespace, name }, options);
      else await cluster.core.deleteNamespacedConfigMap({ namespace, name }, options);
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

export interface ApplyOptions {
  /** Takes over fields that others own. */
  readonly force: boolean;
  /** Lets the API server check everything, its admission included, without writing. */
  readonly dryRun: boolean;
  /** Annotations to own; ours that are not listed go. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Labels to own; ours that are not listed go. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Makes the content unchangeable. */
  readonly immutable?: boolean;
  /** Refuses the write (see isStaleWrite) when the object is no longer at this version. */
  readonly resourceVersion?: string | undefined;
}

/**
 * Server-side apply of exactly these keys: ours that are not listed go, those of others stay. Creates the object.
 * @throws KubernetesError; see isOwnershipConflict for keys that somebody else holds with another value
 */
export function applyConfig(
  cluster: Cluster,
  target: ConfigTarget,
  entries: readonly Pick<ConfigEntry, 'key' | 'value'>[],
  options: ApplyOptions,
): Promise<StoredConfig> {
  const { kind, namespace, name } = target;
  // A value that is not a string is answered with status 500, and a Secret's data is base64.
  const encode = (value: string) => (kind === 'Secret' ? Buffer.from(value, 'utf8').toString('base64') : value);
  const body = {
    apiVersion: 'v1',
    kind,
    metadata: {
      name,
      namespace,
      ...(Object.keys(options.annotations).length > 0 ? { annotations: options.annotations } : {}),
      ...(options.labels ? { labels: options.labels } : {}),
      ...(options.resourceVersion ? { resourceVersion: options.resourceVersion } : {}),
    },
    ...(options.immutable ? { immutable: true } : {}),
    data: Object.fromEntries(entries.map(entry => [entry.key, encode(entry.value)])),
  };
  const request = {
    namespace,
    name,
    body,
    fieldManager,
    force: options.force,
    ...(options.dryRun ? { dryRun: 'All' } : {}),
  };
  return cluster.call(
    attemptOf(target, 'patch'),
    async callOptions =>
      kind === 'Secret'
        ? stored(target, await cluster.core.patchNamespacedSecret(request, callOptions))
        : stored(target, await cluster.core.patchNamespacedConfigMap(request, callOptions)),
    'application/apply-patch+yaml',
  );
}

/** A key that somebody else holds with another value. */
export interface OwnershipConflict {
  readonly key: string;
  readonly owner: string;
  /** As the API server names it: `.data.KEY`. */
  readonly field: string;
}

/** Applies as a server dry run, without force: what would be stored, or who stands in the way. */
export async function tryApply(
  cluster: Cluster,
  target: ConfigTarget,
  entries: readonly ConfigEntry[],
  options: Partial<ApplyOptions> = {},
): Promise<readonly OwnershipConflict[]> {
  try {
    await applyConfig(cluster, target, entries, { force: false, annotations: {}, ...options, dryRun: true });
    return [];
  } catch (error) {
    if (!isOwnershipConflict(error)) throw error;
    return error.causes.map(({ field, message }) => ({
      key: field.replace(/^\.data\./, ''),
      owner: /conflict with "([^"]+)"/.exec(message)?.[1] ?? message,
      field,
    }));
  }
}

function stored(target: ConfigTarget, object: V1ConfigMap | V1Secret): StoredConfig {
  const decode = (value: string) => (target.kind === 'Secret' ? Buffer.from(value, 'base64').toString('utf8') : value);
  return {
    kind: target.kind,
    name: target.name,
    exists: true,
    data: new Map(Object.entries(object.data ?? {}).map(([key, value]) => [key, decode(value)])),
    owned: ownedKeys(object.metadata?.managedFields),
    labels: object.metadata?.labels ?? {},
    annotations: object.metadata?.annotations ?? {},
    resourceVersion: object.metadata?.resourceVersion,
    immutable: object.immutable === true,
  };
}

function attemptOf(target: ConfigTarget, verb: string): Attempt {
  const resource = target.kind === 'Secret' ? 'secrets' : 'configmaps';
  return { verb, resource, apiGroup: '', namespace: target.namespace, name: target.name };
}
