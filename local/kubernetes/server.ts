import { mkdir, rename, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { stringify } from 'yaml';
import type { ServerCertificate } from '../certificates';
import type { Journal } from '../journal';
import { openAccounts } from './access/accounts';
import { Authorization } from './access/authorization';
import { createApp } from './api/app';
import { fillAccountSecret } from './controllers/account-secrets';
import type { ControllerContext } from './controllers/controller-context';
import { startControllers } from './controllers/controllers';
import { EventRecorder } from './controllers/event-recorder';
import { isRecord } from './objects/api-object';
import { ObjectStore } from './objects/object-store';
import { Registry } from './objects/registry';
import { resourceNamed } from './objects/resources';
import { loadSchema, type Schema } from './objects/schema';
import type { LocalImage } from './pods/container-worker';
import { Kubelet } from './pods/kubelet';
import { PodLogs } from './pods/pod-logs';
import { pipelineAccount, seedCluster } from './seed';

export interface LocalKubernetesOptions {
  /** Port on 127.0.0.1; 0 = any free one. */
  port: number;
  stateDir: string;
  certificate: ServerCertificate;
  /** Where the objects are kept; it stays open. */
  journal: Journal;
  /**
   * Programs that stand for images: a pod with such an image really runs, with PORT set to a free port. A pod with any
   * other image is only said to run, or, when its name ends in `:missing`, fails as one that cannot be pulled.
   */
  images?: Readonly<Record<string, LocalImage>>;
  /** Variables for the containers that really run, such as NODE_EXTRA_CA_CERTS; those of the pod win. */
  podEnvironment?: Readonly<Record<string, string>>;
  /** Who a token of Entra ID speaks for, as a cluster of AKS asks it; undefined when it is none for this cluster. */
  entraUser?: (token: string) => Promise<string | undefined>;
  /** Is given the https server before its routes, to see requests as they come. */
  watch?: (app: FastifyInstance) => void;
  /** The types of its objects, where loading them has begun already. */
  schema?: Promise<Schema>;
  log: (line: string) => void;
}

export interface LocalKubernetes {
  url: string;
  /** Administrator access. */
  kubeconfigFile: string;
  /** Token of the service account guardian-pipeline in namespace guardian, as a service connection holds it. */
  serviceAccountToken: string;
  /** The cluster's objects, for who shows them; to be read only. */
  objects: ObjectStore;
  /** Local base URL of a ready pod: of that pod, or of the newest pod of a Deployment of that name. */
  podUrl(namespace: string, name: string): string | undefined;
  /** Ends the server and every pod's process. The pods start again with the next start on the same journal. Harmless the second time. */
  stop(): Promise<void>;
}

/** Starts the Kubernetes API subset with its controllers and a kubelet that runs pods as processes of this machine. */
export async function startLocalKubernetes(o: LocalKubernetesOptions): Promise<LocalKubernetes> {
  const { journal, certificate, log } = o;
  const folder = join(o.stateDir, 'kubernetes');
  await mkdir(folder, { recursive: true });
  const schema = await (o.schema ?? loadSchema());
  const store = new ObjectStore(journal);
  const registry = new Registry(schema, store);
  const accounts = await openAccounts(journal, store, o.entraUser);
  const events = new EventRecorder(store);
  const podLogs = new PodLogs(join(folder, 'pod-logs'));
  const authorization = new Authorization(store);
  const controllers: ControllerContext = { store, registry, events, accounts, ca: certificate.ca, log };
  seedCluster(store, registry);
  const serviceAccountToken = await pipelineToken(controllers);

  const app = createApp(
    { schema, store, registry, accounts, authorization, podLogs },
    { certificate, log, ...(o.watch ? { watch: o.watch } : {}) },
  );
  await app.listen({ host: '127.0.0.1', port: o.port });
  const url = `https://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const kubelet = new Kubelet({
    store,
    events,
    logs: podLogs,
    images: o.images ?? {},
    environment: o.podEnvironment ?? {},
    volumesFolder: folder,
    log,
  });
  const kubeconfigFile = join(o.stateDir, 'kubeconfig');
  try {
    await writeKubeconfig(kubeconfigFile, url, certificate.ca, accounts.administratorToken);
  } catch (error) {
    await app.close();
    throw error;
  }
  kubelet.start();
  const stopControllers = startControllers(controllers);

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await app.close();
    stopControllers();
    await kubelet.stop();
  };
  return {
    url,
    kubeconfigFile,
    serviceAccountToken,
    objects: store,
    podUrl: (namespace, name) => kubelet.podUrl(namespace, name),
    stop: () => (stopping ??= stop()),
  };
}

async function pipelineToken(context: ControllerContext): Promise<string> {
  const { namespace, secret } = pipelineAccount;
  await fillAccountSecret(context, namespace, secret);
  const stored = context.store.get(resourceNamed('secrets'), namespace, secret);
  const token = isRecord(stored?.data) ? stored.data.token : undefined;
  // Somebody may have deleted the account, its Secret or the namespace: then the connection has no access, and says so.
  return typeof token === 'string' ? Buffer.from(token, 'base64').toString('utf8') : '';
}

async function writeKubeconfig(file: string, server: string, ca: string, token: string): Promise<void> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'local', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'local-administrator', user: { token } }],
    contexts: [{ name: 'local', context: { cluster: 'local', user: 'local-administrator', namespace: 'guardian' } }],
    'current-context': 'local',
  };
  const temporary = `${file}.tmp`;
  await writeFile(temporary, stringify(config), { mode: 0o600 });
  await rename(temporary, file);
}
