import type { ApiObject } from '../objects/api-object';
import { isRecord } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';
import type { Container, EnvironmentVariable, Pod, Reference } from './pod-shapes';

/** A container cannot be made from what its pod says; the message is what its waiting state shows. */
export class ContainerConfigError extends Error {}

type Values = Record<string, string>;

/**
 * The variables of a container from env and envFrom, as the kubelet resolves them: later ones win, `$(NAME)` refers to
 * earlier ones, `$$` is a dollar.
 * @throws ContainerConfigError when something is missing that is not optional
 */
export function containerEnvironment(store: ObjectStore, pod: Pod, container: Container): Values {
  const namespace = pod.metadata.namespace ?? '';
  const values: Values = {};
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const found = configMapRef
      ? configMap(store, namespace, configMapRef)
      : secretRef && secret(store, namespace, secretRef);
    for (const [key, value] of Object.entries(found ?? {})) values[`${prefix}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom
      ? referredValue(store, pod, variable)
      : expandReferences(variable.value ?? '', values);
    if (value !== undefined) values[variable.name] = value;
  }
  return values;
}

/** A source of a volume that is not there and not optional, in the words of the kubelet's event; undefined when all are there. */
export function missingVolumeSource(store: ObjectStore, pod: Pod): string | undefined {
  const namespace = pod.metadata.namespace ?? '';
  for (const { name, configMap: map, secret: ofSecret, projected } of pod.spec.volumes ?? []) {
    try {
      if (map) configMap(store, namespace, map);
      if (ofSecret) secret(store, namespace, { ...ofSecret, name: ofSecret.secretName });
      for (const source of projected?.sources ?? []) {
        if (source.configMap) configMap(store, namespace, source.configMap);
        if (source.secret) secret(store, namespace, source.secret);
      }
    } catch (error) {
      if (!(error instanceof ContainerConfigError)) throw error;
      return `MountVolume.SetUp failed for volume "${name}" : ${error.message}`;
    }
  }
  return undefined;
}

function referredValue(store: ObjectStore, pod: Pod, { name, valueFrom }: EnvironmentVariable): string | undefined {
  const namespace = pod.metadata.namespace ?? '';
  const { configMapKeyRef, secretKeyRef, fieldRef } = valueFrom ?? {};
  if (configMapKeyRef)
    return keyOf('ConfigMap', configMap(store, namespace, configMapKeyRef), namespace, configMapKeyRef);
  if (secretKeyRef) return keyOf('Secret', secret(store, namespace, secretKeyRef), namespace, secretKeyRef);
  if (fieldRef) return fieldValue(pod, fieldRef.fieldPath);
  throw new ContainerConfigError(`local Kubernetes cannot resolve the valueFrom of variable ${name}`);
}

function keyOf(
  kind: string,
  values: Values | undefined,
  namespace: string,
  { name, key, optional }: Reference & { key: string },
): string | undefined {
  const value = values?.[key];
  if (value === undefined && !optional) {
    throw new ContainerConfigError(`couldn't find key ${key} in ${kind} ${namespace}/${name}`);
  }
  return value;
}

function configMap(store: ObjectStore, namespace: string, { name, optional }: Reference): Values | undefined {
  const object = store.get(resourceNamed('configmaps'), namespace, name);
  if (!object && !optional) throw new ContainerConfigError(`configmap "${name}" not found`);
  return object && dataOf(object, value => value);
}

function secret(store: ObjectStore, namespace: string, { name, optional }: Reference): Values | undefined {
  const object = store.get(resourceNamed('secrets'), namespace, name);
  if (!object && !optional) throw new ContainerConfigError(`secret "${name}" not found`);
  return object && dataOf(object, value => Buffer.from(value, 'base64').toString('utf8'));
}

function dataOf(object: ApiObject, decode: (value: string) => string): Values {
  const data = isRecord(object.data) ? object.data : {};
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(String(value))]));
}

function fieldValue(pod: Pod, path: string): string {
  const { metadata, spec, status } = pod;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.hostIP': status?.hostIP,
    'status.podIP': status?.podIP,
  };
  if (!(path in fields)) throw new ContainerConfigError(`local Kubernetes cannot resolve the fieldRef ${path}`);
  return fields[path] ?? '';
}

function expandReferences(text: string, values: Values): string {
  return text.replace(/\$\$|\$\(([^()]+)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (values[name] ?? whole),
  );
}

/** `command` and `args` of a container expand the same references. */
export function expandArguments(list: readonly string[] | undefined, values: Values): string[] | undefined {
  return list?.map(text => expandReferences(text, values));
}
