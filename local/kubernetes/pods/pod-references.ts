import { isRecord } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';
import { allocatable } from './local-node';
import type { Container, Pod, Reference, ResourceFieldReference } from './pod-shapes';
import { containerAmount, parseQuantity } from './quantities';

/** A container cannot be made from what its pod says; the message is what its waiting state shows. */
export class ContainerConfigError extends Error {}

/**
 * The content of a ConfigMap or Secret by key; undefined when it is not there and need not be.
 * @throws ContainerConfigError when it is not there and not optional
 */
export function referredData(
  store: ObjectStore,
  plural: 'configmaps' | 'secrets',
  namespace: string,
  { name, optional }: Reference,
): ReadonlyMap<string, Buffer> | undefined {
  const object = store.get(resourceNamed(plural), namespace, name);
  if (!object) {
    if (optional) return undefined;
    throw new ContainerConfigError(`${plural.slice(0, -1)} "${name}" not found`);
  }
  const entries = (value: unknown, encoding: BufferEncoding): [string, Buffer][] =>
    Object.entries(isRecord(value) ? value : {}).map(([key, text]) => [key, Buffer.from(String(text), encoding)]);
  return new Map([
    ...entries(object.data, plural === 'secrets' ? 'base64' : 'utf8'),
    ...entries(object.binaryData, 'base64'),
  ]);
}

/** A field of the pod as text, as env and downwardAPI volumes may ask for it. @throws ContainerConfigError for any other */
export function fieldValue(pod: Pod, path: string): string {
  const { metadata, spec, status } = pod;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  const lines = (map: Record<string, string> = {}): string =>
    Object.entries(map)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n');
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'metadata.labels': lines(metadata.labels),
    'metadata.annotations': lines(metadata.annotations),
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.hostIP': status?.hostIP,
    'status.hostIPs': status?.hostIP,
    'status.podIP': status?.podIP,
    'status.podIPs': status?.podIP,
  };
  if (!(path in fields)) throw new ContainerConfigError(`local Kubernetes cannot resolve the fieldRef ${path}`);
  return fields[path] ?? '';
}

/** What a container requests or may use, in units of the divisor, rounded up; a limit that it does not set is the node's. */
export function resourceValue(pod: Pod, own: Container | undefined, reference: ResourceFieldReference): string {
  const { containerName, resource, divisor = '1' } = reference;
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const container = containerName === undefined ? own : all.find(one => one.name === containerName);
  const [, kind, name = ''] = /^(limits|requests)\.(.+)$/.exec(resource) ?? [];
  if (!container || (kind !== 'limits' && kind !== 'requests')) {
    throw new ContainerConfigError(`local Kubernetes cannot resolve the resourceFieldRef ${resource}`);
  }
  const amount = containerAmount(container, kind, name) ?? (kind === 'limits' ? allocatable[name] : undefined) ?? 0;
  // Kubernetes takes a divisor of 0 for 1.
  return String(Math.ceil(amount / (parseQuantity(divisor) || 1)));
}
