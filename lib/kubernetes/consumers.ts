import { createHash } from 'node:crypto';
import type { V1Container, V1EphemeralContainer, V1PodSpec, V1Volume } from '@kubernetes/client-node' with {
  'resolution-mode': 'import',
};

export type ConfigKind = 'ConfigMap' | 'Secret';

/** What a pod takes of one ConfigMap or Secret: some keys, or all of them. */
export interface ConfigUse {
  readonly kind: ConfigKind;
  readonly name: string;
  readonly keys: readonly string[] | 'all';
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
  return merge([...containers.flatMap(usesOfContainer), ...(spec.volumes ?? []).flatMap(usesOfVolume)]);
}

function usesOfContainer(container: V1Container | V1EphemeralContainer): ConfigUse[] {
  const env = (container.env ?? []).flatMap(({ valueFrom }) => [
    ...use('ConfigMap', valueFrom?.configMapKeyRef?.name, [valueFrom?.configMapKeyRef?.key]),
    ...use('Secret', valueFrom?.secretKeyRef?.name, [valueFrom?.secretKeyRef?.key]),
  ]);
  const envFrom = (container.envFrom ?? []).flatMap(source => [
    ...use('ConfigMap', source.configMapRef?.name),
    ...use('Secret', source.secretRef?.name),
  ]);
  return [...env, ...envFrom];
}

function usesOfVolume(volume: V1Volume): ConfigUse[] {
  const items = (of: { items?: { key: string }[] } | undefined) => of?.items?.map(item => item.key);
  return [
    ...use('ConfigMap', volume.configMap?.name, items(volume.configMap)),
    ...use('Secret', volume.secret?.secretName, items(volume.secret)),
    ...(volume.projected?.sources ?? []).flatMap(source => [
      ...use('ConfigMap', source.configMap?.name, items(source.configMap)),
      ...use('Secret', source.secret?.name, items(source.secret)),
    ]),
  ];
}

function use(kind: ConfigKind, name: string | undefined, keys?: (string | undefined)[]): ConfigUse[] {
  if (!name) return [];
  return [{ kind, name, keys: keys?.flatMap(key => (key ? [key] : [])) ?? 'all' }];
}

function merge(uses: readonly ConfigUse[]): ConfigUse[] {
  const merged = new Map<string, ConfigUse>();
  for (const one of uses) {
    const id = `${one.kind}/${one.name}`;
    const before = merged.get(id);
    const all = one.keys === 'all' || before?.keys === 'all';
    const keys = all ? 'all' : [...new Set([...(before?.keys ?? []), ...one.keys])].sort();
    merged.set(id, { ...one, keys });
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
export function contentChecksum(uses: readonly ConfigUse[], contents: readonly ConfigContent[]): string | undefined {
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
