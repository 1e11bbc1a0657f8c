import { createHash } from 'node:crypto';
import type { V1Container, V1EphemeralContainer, V1PodSpec, V1Volume } from '@kubernetes/client-node' with {
  'resolution-mode': 'import',
};

export type ConfigKind = 'ConfigMap' | 'Secret';

/** The ways in which a pod can take a ConfigMap or Secret. */
export type ConfigWay = 'env' | 'envFrom' | 'volume' | 'subPath' | 'projected';

/** What a pod takes of one ConfigMap or Secret: some keys, or all of them. */
export interface ConfigUse {
  readonly kind: ConfigKind;
  readonly name: string;
  readonly keys: readonly string[] | 'all';
  /** In alphabetical order. Files mounted by subPath and variables never follow a change by themselves. */
  readonly ways: readonly ConfigWay[];
}

/**
 * Everything that a pod template reads from ConfigMaps and Secrets: env, envFrom, volumes and projected volumes, in
 * containers, init containers and ephemeral containers, optional references included.
 */
export function configUses(spec: V1PodSpec): ConfigUse[] {
  const containers: (V1Container | V1EphemeralContainer)[] = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  const bySubPath = new Set(
    containers
      .flatMap(container => container.volumeMounts ?? [])
      .filter(mount => mount.subPath !== undefined || mount.subPathExpr !== undefined)
      .map(mount => mount.name),
  );
  return merge([
    ...containers.flatMap(usesOfContainer),
    ...(spec.volumes ?? []).flatMap(volume => usesOfVolume(volume, bySubPath.has(volume.name))),
  ]);
}

function usesOfContainer(container: V1Container | V1EphemeralContainer): ConfigUse[] {
  const env = (container.env ?? []).flatMap(({ valueFrom }) => [
    ...use('ConfigMap', 'env', valueFrom?.configMapKeyRef?.name, [valueFrom?.configMapKeyRef?.key]),
    ...use('Secret', 'env', valueFrom?.secretKeyRef?.name, [valueFrom?.secretKeyRef?.key]),
  ]);
  const envFrom = (container.envFrom ?? []).flatMap(source => [
    ...use('ConfigMap', 'envFrom', source.configMapRef?.name),
    ...use('Secret', 'envFrom', source.secretRef?.name),
  ]);
  return [...env, ...envFrom];
}

function usesOfVolume(volume: V1Volume, bySubPath: boolean): ConfigUse[] {
  const items = (of: { items?: { key: string }[] } | undefined) => of?.items?.map(item => item.key);
  const way = (usual: ConfigWay) => (bySubPath ? 'subPath' : usual);
  return [
    ...use('ConfigMap', way('volume'), volume.configMap?.name, items(volume.configMap)),
    ...use('Secret', way('volume'), volume.secret?.secretName, items(volume.secret)),
    ...(volume.projected?.sources ?? []).flatMap(source => [
      ...use('ConfigMap', way('projected'), source.configMap?.name, items(source.configMap)),
      ...use('Secret', way('projected'), source.secret?.name, items(source.secret)),
    ]),
  ];
}

function use(kind: ConfigKind, way: ConfigWay, name: string | undefined, keys?: (string | undefined)[]): ConfigUse[] {
  if (!name) return [];
  return [{ kind, name, keys: keys?.flatMap(key => (key ? [key] : [])) ?? 'all', ways: [way] }];
}

function merge(uses: readonly ConfigUse[]): ConfigUse[] {
  const merged = new Map<string, ConfigUse>();
  for (const one of uses) {
    const id = `${one.kind}/${one.name}`;
    const before = merged.get(id);
    const all = one.keys === 'all' || before?.keys === 'all';
    const keys = all ? 'all' : [...new Set([...(before?.keys ?? []), ...one.keys])].sort();
    const ways = [...new Set([...(before?.ways ?? []), ...one.ways])].sort();
    merged.set(id, { ...one, keys, ways });
  }
  return [...merged.values()].sort((a, b) => (`${a.kind}/${a.name}` < `${b.kind}/${b.name}` ? -1 : 1));
}

/** Content of one ConfigMap or Secret, values as they are (a Secret's decoded). */
export interface ConfigContent {
  readonly kind: ConfigKind;
  readonly name: string;
  readonly data: ReadonlyMap<string, string>;
}

/**
 * A checksum over what a consumer sees of the given objects: equal checksums mean that a restart would change nothing.
 * @returns hexadecimal sha256, or undefined when the consumer uses none of the objects
 */
export function contentChecksum(
  uses: readonly Pick<ConfigUse, 'kind' | 'name' | 'keys'>[],
  contents: readonly ConfigContent[],
): string | undefined {
  const hash = createHash('sha256');
  let used = false;
  for (const one of uses) {
    const content = contents.find(({ kind, name }) => kind === one.kind && name === one.name);
    if (!content) continue;
    used = true;
    const keys = one.keys === 'all' ? [...content.data.keys()].sort() : one.keys;
    // JSON, so that no key or value can run into its neighbour.
    hash.update(JSON.stringify([one.kind, one.name, keys.map(key => [key, content.data.get(key) ?? null])]));
  }
  return used ? hash.digest('hex') : undefined;
}
