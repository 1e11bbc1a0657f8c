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
  readonly annotations: Readonly<Record<string, string>>;
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
    return { kind, name, exists: false, data: new Map(), owned: [], annotations: {} };
  }
}

export interface ApplyOptions {
  /** Takes over fields that others own. */
  readonly force: boolean;
  /** Lets the API server check everything, its admission included, without writing. */
  readonly dryRun: boolean;
  /** Annotations to own; ours that are not listed go. */
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Server-side apply of exactly these keys: ours that are not listed go, those of others stay. Creates the object.
 * @throws KubernetesError; see isOwnershipConflict for keys that somebody else holds with another value
 */
export function applyConfig(
  cluster: Cluster,
  target: ConfigTarget,
  entries: readonly ConfigEntry[],
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
    },
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
}

/** Applies as a server dry run, without force: what would be stored, or who stands in the way. */
export async function tryApply(
  cluster: Cluster,
  target: ConfigTarget,
  entries: readonly ConfigEntry[],
): Promise<{ conflicts: readonly OwnershipConflict[]; result?: StoredConfig }> {
  try {
    const result = await applyConfig(cluster, target, entries, { force: false, dryRun: true, annotations: {} });
    return { conflicts: [], result };
  } catch (error) {
    if (!isOwnershipConflict(error)) throw error;
    const conflicts = error.causes.map(({ field, message }) => ({
      key: field.replace(/^\.data\./, ''),
      owner: /conflict with "([^"]+)"/.exec(message)?.[1] ?? message,
    }));
    return { conflicts };
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
    annotations: object.metadata?.annotations ?? {},
  };
}

function attemptOf(target: ConfigTarget, verb: string): Attempt {
  const resource = target.kind === 'Secret' ? 'secrets' : 'configmaps';
  return { verb, resource, apiGroup: '', namespace: target.namespace, name: target.name };
}
