import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeConfig, KubernetesObject } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { parseAllDocuments } from 'yaml';

/** The cluster as the application's owner sees it. */
export class Cluster {
  private constructor(
    private readonly k8s: typeof import('@kubernetes/client-node', { with: { 'resolution-mode': 'import' } }),
    private readonly config: KubeConfig,
  ) {}

  static async open(kubeconfigFile: string): Promise<Cluster> {
    const k8s = await import('@kubernetes/client-node');
    const config = new k8s.KubeConfig();
    config.loadFromFile(kubeconfigFile);
    return new Cluster(k8s, config);
  }

  /** Applies every manifest of a folder, as `kubectl apply --server-side -f FOLDER` does; namespaces first. */
  async applyFolder(folder: string): Promise<string[]> {
    const api = this.k8s.KubernetesObjectApi.makeApiClient(this.config);
    const objects = readdirSync(folder)
      .filter(file => /\.ya?ml$/.test(file) && file !== 'kustomization.yaml')
      .flatMap(file => parseAllDocuments(readFileSync(join(folder, file), 'utf8')))
      .map(document => document.toJS() as KubernetesObject | null)
      .filter(object => object?.kind !== undefined) as (KubernetesObject & { metadata: { name: string } })[];
    objects.sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
    for (const object of objects) {
      await api.patch(object, undefined, undefined, 'guardian-app', true, this.k8s.PatchStrategy.ServerSideApply);
    }
    return objects.map(object => `${object.kind ?? ''}/${object.metadata.name}`);
  }

  async configMap(namespace: string, name: string): Promise<Record<string, string>> {
    const api = this.config.makeApiClient(this.k8s.CoreV1Api);
    return (await api.readNamespacedConfigMap({ namespace, name })).data ?? {};
  }

  /** The Secret's keys; their values stay where they are. */
  async secretKeys(namespace: string, name: string): Promise<string[]> {
    const secret = await this.config.makeApiClient(this.k8s.CoreV1Api).readNamespacedSecret({ namespace, name });
    return Object.keys(secret.data ?? {});
  }

  /** Each Deployment with the number of its current rollout and its ready pods. */
  async deployments(namespace: string): Promise<{ name: string; revision: string; ready: string }[]> {
    const list = await this.config.makeApiClient(this.k8s.AppsV1Api).listNamespacedDeployment({ namespace });
    return list.items.map(({ metadata, spec, status }) => ({
      name: metadata?.name ?? '',
      revision: metadata?.annotations?.['deployment.kubernetes.io/revision'] ?? '',
      ready: `${status?.availableReplicas ?? 0}/${spec?.replicas ?? 0}`,
    }));
  }
}
