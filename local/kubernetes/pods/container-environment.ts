import type { ObjectStore } from '../objects/object-store';
import { ContainerConfigError, fieldValue, referredData, resourceValue } from './pod-references';
import type { Container, EnvironmentVariable, Pod, Reference } from './pod-shapes';

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
      ? referredData(store, 'configmaps', namespace, configMapRef)
      : secretRef && referredData(store, 'secrets', namespace, secretRef);
    for (const [key, value] of found ?? []) values[`${prefix}${key}`] = value.toString('utf8');
  }
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom
      ? referredValue(store, pod, container, variable)
      : expandReferences(variable.value ?? '', values);
    if (value !== undefined) values[variable.name] = value;
  }
  return values;
}

function referredValue(
  store: ObjectStore,
  pod: Pod,
  container: Container,
  { name, valueFrom }: EnvironmentVariable,
): string | undefined {
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom ?? {};
  if (configMapKeyRef) return keyOf(store, 'configmaps', pod, configMapKeyRef);
  if (secretKeyRef) return keyOf(store, 'secrets', pod, secretKeyRef);
  if (fieldRef) return fieldValue(pod, fieldRef.fieldPath);
  if (resourceFieldRef) return resourceValue(pod, container, resourceFieldRef);
  throw new ContainerConfigError(`local Kubernetes cannot resolve the valueFrom of variable ${name}`);
}

function keyOf(
  store: ObjectStore,
  plural: 'configmaps' | 'secrets',
  pod: Pod,
  reference: Reference & { key: string },
): string | undefined {
  const { name, key, optional } = reference;
  const namespace = pod.metadata.namespace ?? '';
  const value = referredData(store, plural, namespace, reference)?.get(key);
  if (value === undefined && !optional) {
    const kind = plural === 'configmaps' ? 'ConfigMap' : 'Secret';
    throw new ContainerConfigError(`couldn't find key ${key} in ${kind} ${namespace}/${name}`);
  }
  return value?.toString('utf8');
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
