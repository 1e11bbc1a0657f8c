import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { parseAllDocuments, stringify } from 'yaml';
import { Masker } from '../../../local/agent/masker';
import { runTaskProcess, type TaskRun } from '../../../local/agent/run-task';
import { root, stage } from '../../../scripts/product';
import { eventually, TestCluster } from '../../local/kubernetes/test-cluster';
import { ApiProxy } from './api-proxy';

/**
 * The cluster that the contract is held against: with `npm run test:cluster` the one of KUBECONFIG, else local Kubernetes. Nothing that uses this can
 * tell which one it is.
 */
export class SyncCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'guardian-sync-'));
  readonly #namespaces: SyncNamespace[] = [];

  private constructor(
    readonly client: typeof k8s,
    readonly config: k8s.KubeConfig,
    private readonly local: TestCluster | undefined,
  ) {}

  static async open(): Promise<SyncCluster> {
    // Only when it is asked for: whoever has a cluster in the environment must not find our namespaces there.
    const file = process.env['npm_lifecycle_event'] === 'test:cluster' ? process.env['KUBECONFIG'] : undefined;
    const local = file ? undefined : await new TestCluster().start();
    const client = await import('@kubernetes/client-node');
    const config = new client.KubeConfig();
    config.loadFromFile(file ?? local?.kubernetes.kubeconfigFile ?? '');
    return new SyncCluster(client, config, local);
  }

  async close(): Promise<void> {
    await Promise.all(this.#namespaces.map(one => one.remove()));
    await this.local?.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A namespace of its own with the identity of samples/k8s/service-account.yaml and the rights that it lists. */
  async namespace(): Promise<SyncNamespace> {
    const made = await SyncNamespace.create(this);
    this.#namespaces.push(made);
    return made;
  }
}

export class SyncNamespace {
  readonly core: k8s.CoreV1Api;
  readonly apps: k8s.AppsV1Api;
  readonly batch: k8s.BatchV1Api;
  readonly rbac: k8s.RbacAuthorizationV1Api;

  private constructor(
    private readonly cluster: SyncCluster,
    readonly name: string,
    readonly proxy: ApiProxy,
  ) {
    const { client, config } = cluster;
    this.core = config.makeApiClient(client.CoreV1Api);
    this.apps = config.makeApiClient(client.AppsV1Api);
    this.batch = config.makeApiClient(client.BatchV1Api);
    this.rbac = config.makeApiClient(client.RbacAuthorizationV1Api);
  }

  /** A kubeconfig of the pipeline's identity, through the proxy. */
  kubeconfig = '';

  static async create(cluster: SyncCluster): Promise<SyncNamespace> {
    const name = `guardian-sync-${randomBytes(4).toString('hex')}`;
    const upstream = cluster.config.getCurrentCluster();
    if (!upstream) throw new Error('The kubeconfig names no cluster.');
    const ca = upstream.caData
      ? Buffer.from(upstream.caData, 'base64').toString()
      : upstream.caFile && readFileSync(upstream.caFile, 'utf8');
    const target = { url: upstream.server, ca: ca || undefined, unchecked: upstream.skipTLSVerify };
    const proxy = await ApiProxy.start(target, join(cluster.folder, 'proxy'));
    const made = new SyncNamespace(cluster, name, proxy);
    await made.core.createNamespace({ body: { metadata: { name } } });
    await made.#applyIdentity();
    return made;
  }

  async remove(): Promise<void> {
    await this.core.deleteNamespace({ name: this.name });
    await this.proxy.stop();
  }

  async #applyIdentity(): Promise<void> {
    const namespace = this.name;
    const text = readFileSync(join(root, 'samples/k8s/service-account.yaml'), 'utf8');
    for (const document of parseAllDocuments(text.replaceAll('namespace: guardian\n', `namespace: ${namespace}\n`))) {
      const body = document.toJS() as { kind: string } & Record<string, unknown>;
      if (body.kind === 'ServiceAccount') await this.core.createNamespacedServiceAccount({ namespace, body });
      else if (body.kind === 'Role') await this.rbac.createNamespacedRole({ namespace, body: body });
      else if (body.kind === 'RoleBinding')
        await this.rbac.createNamespacedRoleBinding({ namespace, body: body as never });
    }
    const request = { spec: { audiences: [], expirationSeconds: 3600 } } as unknown as k8s.AuthenticationV1TokenRequest;
    const answer = await this.core.createNamespacedServiceAccountToken({
      namespace,
      name: 'guardian-pipeline',
      body: request,
    });
    this.kubeconfig = this.kubeconfigWith(answer.status?.token ?? '');
  }

  kubeconfigWith(token: string): string {
    const { url, ca } = this.proxy;
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'c', cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
      ],
      users: [{ name: 'guardian-pipeline', user: { token } }],
      contexts: [{ name: 'main', context: { cluster: 'c', user: 'guardian-pipeline', namespace: this.name } }],
      'current-context': 'main',
    });
  }

  /** Runs the built task as the agent does, with this namespace's identity. */
  async sync(inputs: Record<string, string>, o: RunOptions = {}): Promise<TaskRun> {
    const folder = mkdtempSync(join(this.cluster.folder, 'run-'));
    const env: Record<string, string> = {};
    if (o.onStart) {
      // The agent does not tell which process it has started: the process says so itself.
      const script = join(folder, 'say-pid.cjs');
      writeFileSync(
        script,
        `require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'pid'))}, String(process.pid));\n`,
      );
      env['NODE_OPTIONS'] = `--require ${script}`;
      o.onStart(() => process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL'));
    }
    return runTaskProcess({
      taskDir: join(stage, 'tasks/SyncK8sConfigMap'),
      inputs: { access: 'kubeconfig', kubeconfig: this.kubeconfig, configMapName: 'app', ...inputs },
      connections: [],
      variables: o.variables ?? [],
      workDir: folder,
      tempDir: mkdtempSync(join(this.cluster.folder, 'temp-')),
      env,
      masker: new Masker(),
      onLine: o.onLine ?? (() => undefined),
      ...(o.signal ? { signal: o.signal } : {}),
    });
  }

  async configMap(name = 'app'): Promise<Record<string, string> | undefined> {
    const found = await this.core.readNamespacedConfigMap({ namespace: this.name, name }).catch(absent);
    return found && (found.data ?? {});
  }

  async secret(name = 'app-secrets'): Promise<Record<string, string> | undefined> {
    const found = await this.core.readNamespacedSecret({ namespace: this.name, name }).catch(absent);
    const decoded = Object.entries(found?.data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]);
    return found && (Object.fromEntries(decoded) as Record<string, string>);
  }

  /** Server-side apply of a ConfigMap as somebody else. */
  async applyAs(manager: string, name: string, data: Record<string, string>): Promise<void> {
    const { client } = this.cluster;
    const apply = client.setHeaderOptions('Content-Type', client.PatchStrategy.ServerSideApply);
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
    await this.core.patchNamespacedConfigMap({ namespace: this.name, name, body, fieldManager: manager }, apply);
  }

  /** A Deployment with an image that does nothing, and this pod spec. */
  async deploy(name: string, o: DeploymentOptions = {}): Promise<void> {
    const { container = {}, spec = {}, labels = {}, replicas = 1 } = o;
    await this.apps.createNamespacedDeployment({
      namespace: this.name,
      body: {
        metadata: { name, labels },
        spec: {
          replicas,
          progressDeadlineSeconds: 60,
          selector: { matchLabels: { app: name } },
          template: podTemplate(name, container, spec),
        },
      },
    });
    // A change before the first pods were asked for would not be a second revision.
    if (replicas > 0) await eventually(async () => ((await this.revision(name)) > 0 ? true : undefined));
  }

  /** Pods that were made from the template of now and are ready, and all others that are active. */
  async pods(name: string): Promise<k8s.V1Pod[]> {
    const list = await this.core.listNamespacedPod({ namespace: this.name, labelSelector: `app=${name}` });
    return list.items.filter(pod => !pod.metadata?.deletionTimestamp);
  }

  async templateAnnotations(name: string): Promise<Record<string, string>> {
    const found = await this.apps.readNamespacedDeployment({ namespace: this.name, name });
    return found.spec?.template.metadata?.annotations ?? {};
  }

  /** How many pod templates the Deployment has had. */
  async revision(name: string): Promise<number> {
    const found = await this.apps.readNamespacedDeployment({ namespace: this.name, name });
    return Number(found.metadata?.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
  }
}

export interface RunOptions {
  variables?: { name: string; value: string; isSecret: boolean }[];
  signal?: AbortSignal;
  onLine?: (line: string) => void;
  /** Gets the way to kill the task, as a dying agent does. */
  onStart?: (kill: () => void) => void;
}

export interface DeploymentOptions {
  container?: Partial<k8s.V1Container>;
  spec?: Partial<k8s.V1PodSpec>;
  labels?: Record<string, string>;
  replicas?: number;
}

/** An image that does nothing, on every cluster. */
export const idleImage = 'registry.k8s.io/pause:3.10';

export function podTemplate(
  name: string,
  container: Partial<k8s.V1Container>,
  spec: Partial<k8s.V1PodSpec> = {},
): k8s.V1PodTemplateSpec {
  return {
    metadata: { labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'app', image: idleImage, ...container }],
      ...spec,
    },
  };
}

/** Reads the whole ConfigMap `app` into its environment. */
export const readsApp = { envFrom: [{ configMapRef: { name: 'app', optional: true } }] };

/** Does not start without the key MODE: content without it fails the rollout. */
export const needsMode = { env: [{ name: 'MODE', valueFrom: { configMapKeyRef: { name: 'app', key: 'MODE' } } }] };

function absent(error: unknown): undefined {
  if ((error as { code?: number }).code === 404) return undefined;
  throw error;
}
