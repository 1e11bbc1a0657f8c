import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startLocalAzure, type LocalAzure, type LocalAzureOptions } from './azure/server';
import { pipelineService } from './azure/devops/pipeline-service';
import type { LocalDescription } from './description';
import { Journal } from './journal';
import type { PipelineService } from './project';
import { loadSchema } from './kubernetes/objects/schema';
import { startLocalKubernetes } from './kubernetes/server';
import { pageParts } from './page/page-parts';
import { startPage, type RunningPage } from './page/page-server';
import { RecentRequests } from './page/recent-requests';
import type { RecordedRequest } from './requests/request-record';

export interface LocalCloudOptions extends Pick<
  LocalAzureOptions,
  'recordRequest' | 'requestLog' | 'workspace' | 'preparePython' | 'accessTokenSeconds' | 'pipelineTokenSeconds'
> {
  /** Port of Azure on 127.0.0.1; blobs, Kubernetes and the web page get the next three. 0 = any free ports. */
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
    Pick<
      LocalAzure,
      | 'noAccess'
      | 'managedIdentity'
      | 'directory'
      | 'devops'
      | 'faults'
      | 'oidcRequestUri'
      | 'systemAccessToken'
      | 'certificate'
      | 'reused'
      | 'stop'
    >,
    Pick<Kubernetes, 'serviceAccountToken' | 'podUrl'> {
  description: LocalDescription;
  /** Azure DevOps as the pipelines of this machine use it. */
  pipelines: PipelineService;
  kubernetesUrl: string;
  /** The web page that shows all of it. */
  pageUrl: string;
}

/** Starts both on one state folder and one certificate. @throws Error when the folder or a port is in use; nothing is left running then */
export async function startLocalCloud(o: LocalCloudOptions): Promise<LocalCloud> {
  const { log } = o;
  const stateDir = resolve(o.stateDir);
  const requests = o.requestLog === undefined ? undefined : new RecentRequests();
  const recordRequest = requests
    ? (request: RecordedRequest): void => {
        requests.add(request);
        o.recordRequest?.(request);
      }
    : o.recordRequest;
  // Loaded while the blob service, another process, starts.
  const schema = loadSchema(resolve(o.cacheDir ?? join('.local', 'cache')));
  schema.catch(() => undefined);
  // Azure first: it takes the lock of the state folder.
  const azure = await startLocalAzure({ ...o, stateDir, ...(recordRequest ? { recordRequest } : {}) });
  let journal: Journal | undefined;
  let kubernetes: Kubernetes | undefined;
  let page: RunningPage | undefined;
  const stop = async (): Promise<void> => {
    await page?.stop();
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
      schema,
      images: applicationImages(o.root ?? resolve(__dirname, '..')),
      watch: app => azure.watch(app, 'kubernetes'),
      entraUser: token => azure.kubernetesUser(token),
      podEnvironment: { NODE_EXTRA_CA_CERTS: azure.description.ca },
      log,
    });
    const description = { ...azure.description, kubeconfig: kubernetes.kubeconfigFile };
    page = await startPage(
      pageParts(azure, { description, kubernetesUrl: kubernetes.url, cluster: kubernetes.objects, requests }),
      o.port === 0 ? 0 : o.port + 3,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const cluster = kubernetes;
  let stopping: Promise<void> | undefined;
  return {
    ...azure,
    description: { ...azure.description, kubeconfig: cluster.kubeconfigFile },
    pageUrl: page.url,
    pipelines: pipelineService(azure.devops),
    kubernetesUrl: cluster.url,
    serviceAccountToken: cluster.serviceAccountToken,
    podUrl: (namespace, name) => cluster.podUrl(namespace, name),
    stop: () => (stopping ??= stop()),
  };
}

/**
 * The sample application's images run from its folder: the small one that samples/k8s begins with, and each service once it is built.
 * A pod with any other image is only said to run.
 */
function applicationImages(root: string): Record<string, { command: string; args: string[]; cwd: string }> {
  const cwd = join(root, 'samples/guardian-app');
  const dist = join(cwd, 'dist');
  const built = existsSync(dist) ? readdirSync(dist).filter(file => file.endsWith('.mjs')) : [];
  const services = built.map(file => {
    const image = `guardianacr.azurecr.io/guardian-${file.replace('.mjs', '')}:1.0.0`;
    return [image, { command: process.execPath, args: [join('dist', file)], cwd }] as const;
  });
  return {
    'guardianacr.azurecr.io/guardian-app:1.0.0': { command: process.execPath, args: ['server.mjs'], cwd },
    ...Object.fromEntries(services),
  };
}
