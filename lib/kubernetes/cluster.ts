import type {
  AppsV1Api,
  BatchV1Api,
  ConfigurationOptions,
  CoreV1Api,
  ObservableMiddleware,
} from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { KubernetesAccess } from '../connection/kubernetes-connection';
import type { Clock } from '../host/task-host';
import { explainKubernetes, isTransient, type Attempt } from './kubernetes-error';

/** An open way to one cluster's API: every request is timed out, cancellable, and explained when it fails. */
export interface Cluster {
  readonly access: KubernetesAccess;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly batch: BatchV1Api;
  /**
   * Runs one request. Requests must be idempotent: they are tried again after a transient failure.
   * @throws KubernetesError
   */
  call<T>(attempt: Attempt, request: (options: ConfigurationOptions) => Promise<T>, contentType?: string): Promise<T>;
}

/** An API server answers in milliseconds; one that takes this long is not going to. */
const requestTimeoutMilliseconds = 30_000;

const noAnswer = new Error(`no answer within ${requestTimeoutMilliseconds / 1000} seconds`);

/** A restarting API server is back within seconds. */
const retryDelaysMilliseconds = [500, 1000, 2000, 4000, 8000];

export async function openCluster(access: KubernetesAccess, clock: Clock, signal: AbortSignal): Promise<Cluster> {
  const { AppsV1Api, BatchV1Api, CoreV1Api, Observable } = await import('../connection/kubernetes-client.mjs');
  const core = access.kubeConfig.makeApiClient(CoreV1Api);
  const apps = access.kubeConfig.makeApiClient(AppsV1Api);
  const batch = access.kubeConfig.makeApiClient(BatchV1Api);
  const middleware = (requestSignal: AbortSignal, contentType: string | undefined): ObservableMiddleware => ({
    pre: request => {
      request.setSignal(requestSignal);
      if (contentType) request.setHeaderParam('Content-Type', contentType);
      return new Observable(Promise.resolve(request));
    },
    post: response => new Observable(Promise.resolve(response)),
  });
  const call: Cluster['call'] = async (attempt, request, contentType) => {
    for (let tries = 0; ; tries++) {
      signal.throwIfAborted();
      const timeout = AbortSignal.timeout(requestTimeoutMilliseconds);
      try {
        return await request({ middleware: [middleware(AbortSignal.any([signal, timeout]), contentType)] });
      } catch (error) {
        signal.throwIfAborted();
        if (timeout.aborted) throw explainKubernetes(noAnswer, attempt, access);
        const delay = retryDelaysMilliseconds[tries];
        if (delay === undefined || !isTransient(error)) throw explainKubernetes(error, attempt, access);
        await clock.sleep(delay, signal);
      }
    }
  };
  return { access, core, apps, batch, call };
}
