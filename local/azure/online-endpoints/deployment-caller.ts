import type { Agent } from 'node:http';
import { isoDurationSeconds } from '../compute/iso-duration';
import { askContainer, type ScoringAnswer, type ScoringRequest } from './ask-container';
import { keyOf, type DeploymentRecord } from './endpoint-store';
import type { Fleet } from './fleet';
import type { Instance } from './instance';
import type { RequestLimits } from './request-limits';

/** Has a deployment answer a request, within the limits of its request settings. Managed and Kubernetes endpoints say differently what went wrong. */
export class DeploymentCaller {
  constructor(
    private readonly fleet: Fleet,
    private readonly limits: RequestLimits,
    private readonly agent: Agent,
  ) {}

  async call(deployment: DeploymentRecord, request: ScoringRequest): Promise<ScoringAnswer> {
    const { requestSettings, endpointComputeType } = deployment.properties;
    const { requestTimeout, maxConcurrentRequestsPerInstance: each, maxQueueWait } = requestSettings;
    const isManaged = endpointComputeType !== 'Kubernetes';
    const ready = (): Instance[] =>
      this.fleet.instances(deployment.endpoint, deployment.name).filter(instance => instance.isReady);
    const count = ready().length;
    if (count === 0) return isManaged ? modelError(notReady, '503') : notReady;
    // Documented: a managed deployment works on twice its concurrency; a Kubernetes one lets the rest wait.
    const release = await this.limits.place(
      keyOf(deployment.endpoint, deployment.name),
      (isManaged ? 2 : 1) * each * count,
      isManaged ? 0 : seconds(maxQueueWait) * 1000,
    );
    if (!release) {
      const why = 'Too many requests are pending on this deployment.';
      return isManaged ? failure(429, why) : failure(503, why);
    }
    const instance = leastBusy(ready());
    try {
      if (instance?.port === undefined) return isManaged ? modelError(notReady, '503') : notReady;
      instance.pending++;
      try {
        const answer = await askContainer(instance.port, request, seconds(requestTimeout) * 1000, this.agent);
        // Whatever the container answers but 200 is the model's failure to a caller of a managed endpoint.
        return answer.status === 200 || !isManaged ? answer : modelError(answer, String(answer.status));
      } finally {
        instance.pending--;
      }
    } catch (error) {
      const late = `The deployment did not answer within ${requestTimeout}.`;
      if ((error as Error).name === 'TimeoutError') return failure(isManaged ? 408 : 504, late);
      const closed = failure(502, 'The container closed the connection.');
      return isManaged ? modelError(closed, '502') : closed;
    } finally {
      release();
    }
  }
}

const notReady = failure(503, 'No instance of the deployment is ready.');

/** What the router itself says, as JSON. */
export function failure(status: number, message: string): ScoringAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ error: { code: String(status), message } }),
  };
}

/** 424 with what the model answered; the reason is the word that the service's router has for it. */
function modelError(answer: ScoringAnswer, modelStatus: string): ScoringAnswer {
  return {
    ...answer,
    status: 424,
    headers: {
      ...answer.headers,
      'ms-azureml-model-error-statuscode': modelStatus,
      'ms-azureml-model-error-reason': 'model_error',
    },
  };
}

function leastBusy(instances: readonly Instance[]): Instance | undefined {
  return instances.reduce<Instance | undefined>(
    (best, item) => (best === undefined || item.pending < best.pending ? item : best),
    undefined,
  );
}

function seconds(duration: string): number {
  return isoDurationSeconds(duration) ?? 5;
}
