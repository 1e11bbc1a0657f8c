import type { V1Container, V1EphemeralContainer, V1PodSpec } from '@kubernetes/client-node' with {
  'resolution-mode': 'import',
};
import type { ConfigKind } from './consumers';

/** A ConfigMap or Secret that pods are to read instead of another one. */
export interface Redirection {
  readonly kind: ConfigKind;
  readonly from: string;
  readonly to: string;
}

/** One operation of a JSON patch (RFC 6902). */
export interface PatchOperation {
  readonly op: 'test' | 'replace' | 'add' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/**
 * The JSON patch that makes a pod template read other ConfigMaps or Secrets, in every place where it may name one. Each
 * replacement is guarded by a test, so that a template that somebody changed meanwhile is refused, not garbled.
 * @param path JSON pointer of the pod spec in its object, such as `/spec/template/spec`
 */
export function redirect(spec: V1PodSpec, path: string, redirections: readonly Redirection[]): PatchOperation[] {
  return namesIn(spec).flatMap(({ kind, name, at }) => {
    const found = redirections.find(one => one.kind === kind && one.from === name);
    if (!found || found.to === name) return [];
    return [
      { op: 'test', path: `${path}/${at}`, value: name },
      { op: 'replace', path: `${path}/${at}`, value: found.to },
    ];
  });
}

interface NamedPlace {
  readonly kind: ConfigKind;
  readonly name: string | undefined;
  readonly at: string;
}

function namesIn(spec: V1PodSpec): NamedPlace[] {
  const containers = (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap(list =>
    (spec[list] ?? []).flatMap((container, index) => namesInContainer(container, `${list}/${index}`)),
  );
  const volumes = (spec.volumes ?? []).flatMap((volume, index): NamedPlace[] => [
    { kind: 'ConfigMap', name: volume.configMap?.name, at: `volumes/${index}/configMap/name` },
    { kind: 'Secret', name: volume.secret?.secretName, at: `volumes/${index}/secret/secretName` },
    ...(volume.projected?.sources ?? []).flatMap((source, item): NamedPlace[] => {
      const at = `volumes/${index}/projected/sources/${item}`;
      return [
        { kind: 'ConfigMap', name: source.configMap?.name, at: `${at}/configMap/name` },
        { kind: 'Secret', name: source.secret?.name, at: `${at}/secret/name` },
      ];
    }),
  ]);
  return [...containers, ...volumes].filter(place => place.name !== undefined);
}

function namesInContainer(container: V1Container | V1EphemeralContainer, path: string): NamedPlace[] {
  const env = (container.env ?? []).flatMap(({ valueFrom }, index): NamedPlace[] => {
    const at = `${path}/env/${index}/valueFrom`;
    return [
      { kind: 'ConfigMap', name: valueFrom?.configMapKeyRef?.name, at: `${at}/configMapKeyRef/name` },
      { kind: 'Secret', name: valueFrom?.secretKeyRef?.name, at: `${at}/secretKeyRef/name` },
    ];
  });
  const envFrom = (container.envFrom ?? []).flatMap((source, index): NamedPlace[] => {
    const at = `${path}/envFrom/${index}`;
    return [
      { kind: 'ConfigMap', name: source.configMapRef?.name, at: `${at}/configMapRef/name` },
      { kind: 'Secret', name: source.secretRef?.name, at: `${at}/secretRef/name` },
    ];
  });
  return [...env, ...envFrom];
}
