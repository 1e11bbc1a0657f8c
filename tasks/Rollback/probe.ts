import { endpointKeys } from '../../lib/azureml/online-endpoints';
import { callEndpoint, describeAnswer, isPassing, type ScoringAnswer } from '../../lib/azureml/scoring-request';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { formatTraffic, shareOf } from '../../lib/release/traffic';
import type { DoneRollback } from './rollback';

const retryDelaysMilliseconds = [1000, 2000, 4000, 8000];

/**
 * Asks the endpoint through its public route, as its callers do, for its own description: that goes the whole way to a
 * container without scoring anything.
 * @returns what is wrong, or undefined
 */
export async function probe(workspace: Workspace, done: DoneRollback, host: TaskHost): Promise<string | undefined> {
  const { endpoint } = done.planned;
  const keys = endpoint.swaggerUri ? await endpointKeys(workspace, endpoint.name) : undefined;
  if (!keys || !endpoint.swaggerUri) {
    host.warn(`${endpoint.name} was not probed: it has no keys or no swagger URI.`);
    return undefined;
  }
  host.maskSecret(keys.primaryKey);
  host.maskSecret(keys.secondaryKey);
  const request = { method: 'GET', url: endpoint.swaggerUri, key: keys.primaryKey } as const;
  let answer: ScoringAnswer = await callEndpoint(request, host);
  // The router follows a change of traffic only after a while.
  const isStale = (given: ScoringAnswer): boolean => {
    const deployment = given.header('azureml-model-deployment');
    return deployment !== undefined && deployment !== '' && shareOf(done.traffic, deployment) === 0;
  };
  for (const delay of retryDelaysMilliseconds) {
    if (!isPassing(answer.status) && !isStale(answer)) break;
    await host.clock.sleep(delay, host.signal);
    answer = await callEndpoint(request, host);
  }
  const answeredBy = answer.header('azureml-model-deployment');
  if (answeredBy && isStale(answer)) {
    return `Endpoint ${endpoint.name} has its traffic back at ${formatTraffic(done.traffic)}, but ${answeredBy} still answers.`;
  }
  if (answer.status === 200) {
    host.info(`${endpoint.name} answers${answeredBy ? ` (${answeredBy})` : ''} in ${answer.milliseconds} ms`);
    return undefined;
  }
  if (answer.header('ms-azureml-model-error-statuscode') === '404') {
    // A container of the user's own need not describe itself; it has answered all the same.
    host.info(`${endpoint.name} answers; its container has no /swagger.json`);
    return undefined;
  }
  return `Endpoint ${endpoint.name} has its traffic back at ${formatTraffic(done.traffic)}, but a probe through its public route was answered ${describeAnswer(answer)}. Look at the log of the deployment that answers now.`;
}
