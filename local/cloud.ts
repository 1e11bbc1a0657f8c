import { join, resolve } from 'node:path';
import { startLocalAzure, type LocalAzure } from './azure/server';
import type { LocalDescription } from './description';
import { Journal } from './journal';
import { startLocalKubernetes } from './kubernetes/server';

export interface LocalCloudOptions {
  /** Port of Azure on 127.0.0.1; blobs and Kubernetes get the next two. 0 = any free ports. */
  port: number;
  stateDir: string;
  /** Where Python environments and images are kept. */
  cacheDir?: string;
  /** The repository, where the pods' programs are. */
  root?: string;
  log: (line: string) => void;
}

type Kubernetes = Awaited<ReturnType<typeof startLocalKubernetes>>;

/** Local Azure and local Kubernetes, running together. */
export interface LocalCloud
  extends
    Pick<LocalAzure, 'noAccess' | 'oidcRequestUri' | 'systemAccessToken' | 'certificate' | 'reused' | 'stop'>,
    Pick<Kubernetes, 'serviceAccountToken' | 'podUrl'> {
  description: LocalDescription;
  kubernetesUrl: string;
}

/** Starts both on one state folder and one certificate. @throws Error when the folder or a port is in use; nothing is left running then */
export async function startLocalCloud(o: LocalCloudOptions): Promise<LocalCloud> {
  const { log } = o;
  const stateDir = resolve(o.stateDir);
  // Azure first: it takes the lock of the state folder.
  const azure = await startLocalAzure({ ...o, stateDir });
  let journal: Journal | undefined;
  let kubernetes: Kubernetes | undefined;
  const stop = async (): Promise<void> => {
    await kubernetes?.stop();
    await journal?.close();
    await azure.stop();
  };
  try {
    journal = await Journal.open(join(stateDir, 'kubernetes.journal'));
    kubernetes = await startLocalKubernetes({
      port: o.port === 0 ? 0 : o.port + 2,
      stateDir,
      certificate: azure.certificate,
      journal,
      images: applicationImages(o.root ?? resolve(__dirname, '..')),
      podEnvironment: { NODE_EXTRA_CA_CERTS: azure.description.ca },
      log,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const cluster = kubernetes;
  let stopping: Promise<void> | undefined;
  return {
    ...azure,
    description: { ...azure.description, kubeconfig: cluster.kubeconfigFile },
    kubernetesUrl: cluster.url,
    serviceAccountToken: cluster.serviceAccountToken,
    podUrl: (namespace, name) => cluster.podUrl(namespace, name),
    stop: () => (stopping ??= stop()),
  };
}

/** The sample application's image runs from its folder; a pod with any other image is only said to run. */
function applicationImages(root: string): Record<string, { command: string; args: string[]; cwd: string }> {
  const cwd = join(root, 'samples/guardian-app');
  return { 'guardianacr.azurecr.io/guardian-app:1.0.0': { command: process.execPath, args: ['server.mjs'], cwd } };
}
