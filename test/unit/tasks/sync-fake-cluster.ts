import type { Cluster } from '../../../lib/kubernetes/cluster';
import { explainKubernetes } from '../../../lib/kubernetes/kubernetes-error';

interface Stored {
  data: Record<string, string>;
  annotations: Record<string, string>;
  /** Who owns which key. */
  owners: Map<string, string>;
}

interface Apply {
  name: string;
  body: { metadata: { annotations?: Record<string, string> }; data: Record<string, string> };
  force: boolean;
  dryRun?: string;
}

interface Restart {
  name: string;
  body: { spec: { template: { metadata: { annotations: Record<string, string> } } } };
  dryRun?: string;
}

interface Deployment {
  metadata: { name: string; generation: number };
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    template: { metadata: { annotations?: Record<string, string> }; spec: object };
  };
  status: Record<string, unknown>;
}

/** A namespace in memory: server-side apply with ownership per key, and Deployments whose rollouts end at once. */
export class FakeCluster {
  readonly objects = new Map<string, Stored>();
  readonly deployments = new Map<string, Deployment>();
  readonly writes: string[] = [];
  /** Rollouts that never end. */
  readonly stuck = new Set<string>();
  /** Verb and resource that this identity may not do. */
  forbidden = '';
  /** The run is killed when it comes to restart something. */
  killedAtRestart = false;

  /** A Deployment whose container reads these objects whole. */
  addDeployment(name: string, ...envFrom: object[]): void {
    this.deployments.set(name, {
      metadata: { name, generation: 1 },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: name } },
        template: { metadata: {}, spec: { containers: [{ name: 'app', image: 'x', envFrom }] } },
      },
      status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
    });
  }

  readonly cluster: Cluster = {
    access: { server: 'https://cluster', user: 'pipeline', namespace: undefined, kubeConfig: {} as never },
    core: this.#core() as never,
    apps: this.#apps() as never,
    call: async (attempt, request) => {
      try {
        if (this.forbidden === `${attempt.verb} ${attempt.resource}`) throw apiError(403, { message: 'forbidden' });
        return await request({});
      } catch (error) {
        throw explainKubernetes(error, attempt, this.cluster.access);
      }
    },
  };

  #core(): object {
    const read = (kind: string) => (query: { name: string }) =>
      Promise.resolve().then(() => this.#object(kind, query.name));
    const apply = (kind: string) => (request: Apply) => Promise.resolve().then(() => this.#apply(kind, request));
    return {
      readNamespacedConfigMap: read('ConfigMap'),
      readNamespacedSecret: read('Secret'),
      patchNamespacedConfigMap: apply('ConfigMap'),
      patchNamespacedSecret: apply('Secret'),
      listNamespacedPod: (query: { labelSelector: string }) =>
        Promise.resolve({ items: this.#pods(query.labelSelector) }),
      readNamespacedPodLog: () => Promise.resolve('NSFW_MODEL_ENDPOINT is not an URL'),
      listNamespacedEvent: () => Promise.resolve({ items: [] }),
    };
  }

  #object(kind: string, name: string): object {
    const stored = this.objects.get(`${kind}/${name}`);
    if (!stored) throw apiError(404, { message: `${kind} "${name}" not found` });
    const managers = [...new Set(stored.owners.values())];
    const managedFields = managers.map(manager => {
      const keys = [...stored.owners]
        .filter(([, owner]) => owner === manager)
        .map(([key]) => [`f:${key}`, {}] as const);
      return { manager, operation: 'Apply', fieldsV1: { 'f:data': Object.fromEntries(keys) } };
    });
    return structuredClone({ metadata: { name, annotations: stored.annotations, managedFields }, data: stored.data });
  }

  #apply(kind: string, { name, body, force, dryRun }: Apply): object {
    const id = `${kind}/${name}`;
    const before = this.objects.get(id) ?? { data: {}, annotations: {}, owners: new Map<string, string>() };
    const causes = Object.entries(body.data).flatMap(([key, value]) => {
      const owner = before.owners.get(key);
      if (!owner || owner === 'guardian-mlops' || before.data[key] === value) return [];
      return [{ reason: 'FieldManagerConflict', message: `conflict with "${owner}" using v1`, field: `.data.${key}` }];
    });
    if (causes.length > 0 && !force) throw apiError(409, { message: 'Apply failed', details: { causes } });
    const after = structuredClone(before);
    for (const [key, owner] of before.owners) {
      if (owner !== 'guardian-mlops' || key in body.data) continue;
      after.owners.delete(key);
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a key leaving a map is what happens here
      delete after.data[key];
    }
    for (const [key, value] of Object.entries(body.data)) {
      after.data[key] = value;
      after.owners.set(key, 'guardian-mlops');
    }
    after.annotations = body.metadata.annotations ?? {};
    if (!dryRun) {
      this.objects.set(id, after);
      this.writes.push(`apply ${id}`);
    }
    return { metadata: { name }, data: after.data };
  }

  #apps(): object {
    const none = () => Promise.resolve({ items: [] });
    return {
      listNamespacedDeployment: () => Promise.resolve(structuredClone({ items: [...this.deployments.values()] })),
      listNamespacedStatefulSet: none,
      listNamespacedDaemonSet: none,
      readNamespacedDeployment: ({ name }: { name: string }) =>
        Promise.resolve(structuredClone(this.deployments.get(name))),
      patchNamespacedDeployment: ({ name, body, dryRun }: Restart) => {
        if (dryRun) return Promise.resolve({});
        if (this.killedAtRestart) return Promise.reject(new Error('killed'));
        const deployment = this.deployments.get(name);
        if (!deployment) throw apiError(404, { message: 'gone' });
        this.writes.push(`restart ${name}`);
        deployment.spec.template.metadata.annotations = body.spec.template.metadata.annotations;
        deployment.metadata.generation += 1;
        deployment.status.observedGeneration = deployment.metadata.generation;
        deployment.status.updatedReplicas = this.stuck.has(name) ? 0 : 1;
        return Promise.resolve({});
      },
    };
  }

  #pods(selector: string): object[] {
    const deployment = this.deployments.get(selector.replace('app=', ''));
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };
    return [
      {
        metadata: {
          name: `${selector.replace('app=', '')}-1`,
          annotations: deployment?.spec.template.metadata.annotations,
        },
        status: {
          containerStatuses: [
            {
              name: 'app',
              ready: false,
              restartCount: 2,
              state: { waiting },
              lastState: { terminated: { exitCode: 1, reason: 'Error' } },
            },
          ],
        },
      },
    ];
  }
}

/** As the client throws it: the status as `code`, the body as text. */
function apiError(status: number, body: object): Error {
  return Object.assign(new Error(`HTTP-Code: ${status}\nMessage: x`), { code: status, body: JSON.stringify(body) });
}
