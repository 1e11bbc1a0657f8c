import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppsV1Api, CoreV1Api, KubernetesObject, KubernetesObjectApi } from '@kubernetes/client-node' with {
  'resolution-mode': 'import',
};
import { parseAllDocuments } from 'yaml';

/** The cluster as the application's owner sees it. */
export class Cluster {
  private constructor(
    private readonly objects: KubernetesObjectApi,
    private readonly core: CoreV1Api,
    private readonly apps: AppsV1Api,
  ) {}

  static async open(kubeconfigFile: string): Promise<Cluster> {
    const { KubeConfig, KubernetesObjectApi, CoreV1Api, AppsV1Api } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(kubeconfigFile);
    return new Cluster(
      KubernetesObjectApi.makeApiClient(config),
      config.makeApiClient(CoreV1Api),
      config.makeApiClient(AppsV1Api),
    );
  }

  /** Applies every manifest of a folder, as `kubectl apply --server-side -f FOLDER` does; namespaces first. */
  async applyFolder(folder: string): Promise<string[]> {
    const objects = readdirSync(folder)
      .filter(file => /\.ya?ml$/.test(file) && file !== 'kustomization.yaml')
      .flatMap(file => objectsOf(join(folder, file)));
    objects.sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
    for (const object of objects) await this.apply(object);
    return objects.map(object => `${object.kind ?? ''}/${object.metadata.name}`);
  }

  async applyFile(file: string): Promise<void> {
    for (const object of objectsOf(file)) await this.apply(object);
  }

  async apply(object: KubernetesObject): Promise<void> {
    const { PatchStrategy } = await import('@kubernetes/client-node');
    await this.objects.patch(object, undefined, undefined, 'guardian-app', true, PatchStrategy.ServerSideApply);
  }

  async configMap(namespace: string, name: string): Promise<Record<string, string>> {
    return (await this.core.readNamespacedConfigMap({ namespace, name })).data ?? {};
  }

  /** The Secret's keys; their values stay where they are. */
  async secretKeys(namespace: string, name: string): Promise<string[]> {
    const secret = await this.core.readNamespacedSecret({ namespace, name });
    return Object.keys(secret.data ?? {});
  }

  /** Each Deployment with the number of its current rollout and its ready pods. */
  async deployments(namespace: string): Promise<{ name: string; revision: string; ready: string }[]> {
    const list = await this.apps.listNamespacedDeployment({ namespace });
    return list.items.map(({ metadata, spec, status }) => ({
      name: metadata?.name ?? '',
      revision: metadata?.annotations?.['deployment.kubernetes.io/revision'] ?? '',
      ready: `${status?.availableReplicas ?? 0}/${spec?.replicas ?? 0}`,
    }));
  }
}

function objectsOf(file: string): (KubernetesObject & { metadata: { name: string } })[] {
  return parseAllDocuments(readFileSync(file, 'utf8'))
    .map(document => document.toJS() as KubernetesObject | null)
    .filter(object => object?.kind !== undefined) as (KubernetesObject & { metadata: { name: string } })[];
}
