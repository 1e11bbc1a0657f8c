import type { ObjectStore } from '../objects/object-store';
import { ContainerConfigError, fieldValue, referredData, resourceValue } from './pod-references';
import type { FileSource, KeyToPath, Pod, Volume } from './pod-shapes';

/** A file of a volume that is made from objects. */
export interface VolumeFile {
  content: Buffer;
  /** Permission bits. */
  mode: number;
}

const sourceFields = ['configMap', 'secret', 'downwardAPI'];

/**
 * The files of a configMap, secret, downwardAPI or projected volume by their path within it; undefined for any other kind.
 * @throws ContainerConfigError when an object or key is not there and not optional
 */
export function volumeFiles(store: ObjectStore, pod: Pod, volume: Volume): Map<string, VolumeFile> | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  const source = configMap ?? secret ?? downwardAPI ?? projected;
  if (!source) return undefined;
  const sources = projected ? (projected.sources ?? []) : [volume];
  const files = new Map<string, VolumeFile>();
  for (const one of sources) {
    for (const [path, file] of sourceFiles(store, pod, one, source.defaultMode ?? 0o644)) files.set(path, file);
  }
  return files;
}

function sourceFiles(store: ObjectStore, pod: Pod, source: FileSource, defaultMode: number): [string, VolumeFile][] {
  const namespace = pod.metadata.namespace ?? '';
  const { configMap, secret, downwardAPI } = source;
  if (configMap) {
    return keyFiles(referredData(store, 'configmaps', namespace, configMap), { ...configMap, defaultMode });
  }
  if (secret) {
    // A secret volume has secretName where a projected one has name.
    const reference = { ...secret, name: secret.secretName ?? secret.name ?? '' };
    return keyFiles(referredData(store, 'secrets', namespace, reference), { ...reference, defaultMode });
  }
  if (downwardAPI) {
    return (downwardAPI.items ?? []).map(({ path, fieldRef, resourceFieldRef, mode = defaultMode }) => {
      const text = fieldRef
        ? fieldValue(pod, fieldRef.fieldPath)
        : resourceValue(pod, undefined, resourceFieldRef ?? { resource: '' });
      return [safePath(path), { content: Buffer.from(text), mode }];
    });
  }
  const kind = Object.keys(source).find(field => !sourceFields.includes(field)) ?? 'of no kind';
  throw new ContainerConfigError(`local Kubernetes cannot project ${kind}`);
}

function keyFiles(
  data: ReadonlyMap<string, Buffer> | undefined,
  o: { name: string; optional?: boolean; items?: KeyToPath[]; defaultMode: number },
): [string, VolumeFile][] {
  if (!data) return [];
  if (!o.items) return [...data].map(([key, content]) => [key, { content, mode: o.defaultMode }]);
  return o.items.flatMap(({ key, path, mode = o.defaultMode }): [string, VolumeFile][] => {
    const content = data.get(key);
    if (content) return [[safePath(path), { content, mode }]];
    if (o.optional) return [];
    throw new ContainerConfigError(`references non-existent config key: ${key}`);
  });
}

/** @throws ContainerConfigError for a path that would leave its volume */
export function safePath(path: string): string {
  if (path.startsWith('/') || path.split('/').includes('..')) {
    throw new ContainerConfigError(`invalid path ${path}: must be relative and not contain '..'`);
  }
  return path;
}
