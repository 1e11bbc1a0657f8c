import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as k8s from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

/** The cluster as the application's owner sees it. */
export class Cluster {
  private readonly config = new k8s.KubeConfig();

  constructor(kubeconfigFile: string) {
    this.config.loadFromFile(kubeconfigFile);
  }

  /** Applies every manifest of a folder, as `kubectl apply --server-side -f FOLDER` does; namespaces first. */
  async applyFolder(folder: string): Promise<string[]> {
    const api = k8s.KubernetesObjectApi.makeApiClient(this.config);
    const objects = readdirSync(folder)
      .filter(file => /\.ya?ml$/.test(file) && file !== 'kustomization.yaml')
      .flatMap(file => parseAllDocuments(readFileSync(join(folder, file), 'utf8')))
      .map(document => document.toJS() as k8s.KubernetesObject | null)
      .filter(object => object?.kind !== undefined) as (k8s.KubernetesObject & { metadata: { name: string } })[];
    objects.sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
    for (const object of objects) {
      await api.patch(object, undefined, undefined, 'guardian-app', true, k8s.PatchStrategy.ServerSideApply);
    }
    return objects.map(object => `${object.kind ?? ''}/${object.metadata.name}`);
  }

  async configMap(namespace: string, name: string): Promise<Record<string, string>> {
    return (await this.config.makeApiClient(k8s.CoreV1Api).readNamespacedConfigMap({ namespace, name })).data ?? {};
  }

  /** The Secret's keys; their values stay where they are. */
  async secretKeys(namespace: string, name: string): Promise<string[]> {
    const secret = await this.config.makeApiClient(k8s.CoreV1Api).readNamespacedSecret({ namespace, name });
    return Object.keys(secret.data ?? {});
  }

  /** Number of times that the Deployment's pod template was changed, which is what a rollout counts. */
  async deployments(namespace: string): Promise<{ name: string; revision: string; ready: string }[]> {
    const list = await this.config.makeApiClient(k8s.AppsV1Api).listNamespacedDeployment({ namespace });
    return list.items.map(({ metadata, spec, status }) => ({
      name: metadata?.name ?? '',
      revision: metadata?.annotations?.['deployment.kubernetes.io/revision'] ?? '',
      ready: `${status?.availableReplicas ?? 0}/${spec?.replicas ?? 0}`,
    }));
  }
}
