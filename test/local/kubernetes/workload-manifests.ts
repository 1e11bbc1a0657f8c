import type { V1Container, V1Deployment, V1PodTemplateSpec } from '@kubernetes/client-node' with {
  'resolution-mode': 'import',
};

/** An image that does nothing, on every cluster. */
export const idleImage = 'registry.k8s.io/pause:3.10';

export function podTemplate(name: string, container: Partial<V1Container> = {}): V1PodTemplateSpec {
  return {
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: 'app', image: idleImage, ...container }] },
  };
}

export function deployment(
  name: string,
  o: { replicas?: number; container?: Partial<V1Container>; progressDeadlineSeconds?: number } = {},
): V1Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: o.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      template: podTemplate(name, o.container),
      ...(o.progressDeadlineSeconds === undefined ? {} : { progressDeadlineSeconds: o.progressDeadlineSeconds }),
    },
  };
}
