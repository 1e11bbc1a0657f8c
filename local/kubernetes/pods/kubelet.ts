import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { controllerOf, type ApiObject } from '../objects/api-object';
import type { StoreEvent } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';
import { isActive, isReady, type Pod } from './pod-shapes';
import { removeOrphanedVolumes } from './pod-volumes';
import { PodWorker, urlAnnotation, type PodWorkerOptions } from './pod-worker';

/** Time for a process to end by itself when the whole server stops; it is started again with the next start. */
const stopGraceMilliseconds = 2000;

const resource = resourceNamed('pods');

/** Runs the pods of the store on this machine: starts what appears there, ends what is to be deleted. */
export class Kubelet {
  readonly #o: PodWorkerOptions;
  /** By uid. */
  readonly #workers = new Map<string, { worker: PodWorker; pod: Pod }>();
  readonly #ending = new Map<string, Promise<void>>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: PodWorkerOptions) {
    this.#o = options;
  }

  /** Takes up the pods that are there, and whatever comes. */
  start(): void {
    const { store } = this.#o;
    for (const pod of store.list(resource)) {
      // Its process is gone since the server stopped, so it is done with.
      if (pod.metadata.deletionTimestamp) this.#remove(pod);
      else if (isActive(pod)) this.#begin(pod as Pod);
    }
    removeOrphanedVolumes(store, this.#o.volumesFolder);
    this.#unsubscribe = store.subscribe(event => {
      // Not within the write that told us: a worker writes itself.
      if (event.resource === resource) setImmediate(() => this.#react(event));
      if (event.resource.kind === 'Node' && event.type === 'MODIFIED') setImmediate(() => this.#scheduleAgain());
      if (event.resource.kind === 'ConfigMap' || event.resource.kind === 'Secret') {
        setImmediate(() => this.#refreshVolumes(event.object.metadata.namespace));
      }
      if (event.resource.kind === 'PersistentVolumeClaim' && event.type === 'DELETED') {
        rmSync(join(this.#o.volumesFolder, 'claims', event.object.metadata.uid), { recursive: true, force: true });
      }
    });
  }

  /** Ends all processes; the stored pods stay as they are. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    const stopping = [...this.#workers.values()].map(({ worker }) => worker.stop(stopGraceMilliseconds, false));
    await Promise.all([...stopping, ...this.#ending.values()]);
  }

  /** Local base URL of a ready pod: of the pod of that name, or of the newest that a Deployment of that name has. */
  podUrl(namespace: string, name: string): string | undefined {
    const { store } = this.#o;
    const replicaSets = new Set(
      store
        .list(resourceNamed('replicasets'), namespace)
        .filter(one => controllerOf(one)?.kind === 'Deployment' && controllerOf(one)?.name === name)
        .map(one => one.metadata.uid),
    );
    const ready = store
      .list(resource, namespace)
      .filter(pod => pod.metadata.name === name || replicaSets.has(controllerOf(pod)?.uid ?? ''))
      .filter(pod => isReady(pod) && pod.metadata.annotations?.[urlAnnotation] !== undefined)
      .sort((a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp));
    return ready.at(-1)?.metadata.annotations?.[urlAnnotation];
  }

  #react({ type, object }: StoreEvent): void {
    if (this.#unsubscribe === undefined) return;
    const { uid } = object.metadata;
    if (type === 'ADDED' && !this.#workers.has(uid)) this.#begin(object as Pod);
    if (type === 'DELETED') this.#end(object, 0, false);
    else if (object.metadata.deletionTimestamp) {
      this.#end(object, (object.metadata.deletionGracePeriodSeconds ?? 30) * 1000, true);
    }
  }

  /** A node that changed may take pods that it did not take before. */
  #scheduleAgain(): void {
    if (this.#unsubscribe === undefined) return;
    for (const pod of this.#o.store.list(resource) as Pod[]) {
      if (pod.spec.nodeName === undefined && !pod.metadata.deletionTimestamp) this.#begin(pod);
    }
  }

  #refreshVolumes(namespace: string | undefined): void {
    for (const { worker, pod } of this.#workers.values()) {
      if (pod.metadata.namespace === namespace && pod.spec.volumes) worker.refreshVolumes();
    }
  }

  #begin(pod: Pod): void {
    const worker = new PodWorker(this.#o, pod);
    this.#workers.set(pod.metadata.uid, { worker, pod });
    worker.run().catch((error: unknown) => {
      this.#o.log(
        `Pod ${pod.metadata.namespace ?? ''}/${pod.metadata.name}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
      );
    });
  }

  /** Ends a pod's processes, and then the pod itself where that is still to be done. */
  #end(pod: ApiObject, graceMilliseconds: number, remove: boolean): void {
    const { uid } = pod.metadata;
    const worker = this.#workers.get(uid)?.worker;
    if (!worker) return;
    this.#workers.delete(uid);
    const ending = worker
      .stop(graceMilliseconds, true)
      .catch((error: unknown) => this.#o.log(`Pod ${pod.metadata.name} could not be ended: ${String(error)}`))
      .then(() => {
        this.#ending.delete(uid);
        if (this.#unsubscribe === undefined) return;
        if (remove) this.#remove(pod);
        this.#o.logs.forget(uid);
      });
    this.#ending.set(uid, ending);
  }

  #remove({ metadata: { namespace, name, uid } }: ApiObject): void {
    if (this.#o.store.get(resource, namespace, name)?.metadata.uid === uid)
      this.#o.store.remove(resource, namespace, name);
  }
}
