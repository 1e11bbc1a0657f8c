import { endpointKeys, type OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import {
  callEndpoint,
  describeAnswer,
  isPassing,
  type ScoringAnswer,
  type ScoringRequest,
} from '../../lib/azureml/scoring-request';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { formatTraffic, shareOf, type Traffic } from '../../lib/release/traffic';

const retryDelaysMilliseconds = [1000, 2000, 4000, 8000];

/**
 * Asks an endpoint for its container's own description: that goes the whole way to a container without scoring anything.
 * Undefined when it has no keys or no swagger URI.
 */
export async function questionFor(
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  host: TaskHost,
): Promise<ScoringRequest | undefined> {
  const keys = endpoint.swaggerUri ? await endpointKeys(workspace, endpoint.name) : undefined;
  if (!keys || !endpoint.swaggerUri) return undefined;
  host.maskSecret(keys.primaryKey);
  host.maskSecret(keys.secondaryKey);
  return { method: 'GET', url: endpoint.swaggerUri, key: keys.primaryKey };
}

/**
 * Asks one deployment, past the traffic, whether it answers.
 * @param question as `questionFor` has it; without one nothing can be asked
 * @returns what is wrong, or undefined
 */
export async function askDeployment(
  question: ScoringRequest | undefined,
  deployment: string,
  host: TaskHost,
): Promise<string | undefined> {
  if (!question) return undefined;
  const ask = (): Promise<ScoringAnswer> => callEndpoint({ ...question, deployment }, host);
  let answer = await ask();
  for (const delay of retryDelaysMilliseconds) {
    if (isAnswered(answer) || !isPassing(answer.status)) break;
    await host.clock.sleep(delay, host.signal);
    answer = await ask();
  }
  return isAnswered(answer) ? undefined : `deployment ${deployment} was asked and answered ${describeAnswer(answer)}`;
}

/** So many answers in a row have to be right: a router that still gives an old deployment 10 % is found out by 99.5 %. */
const answersWanted = 50;
/** Routers follow a change of traffic only after a while. */
const staleMilliseconds = 60_000;
const staleDelayMilliseconds = 1000;

/**
 * Asks the endpoint through its public route, as its callers do, until enough answers in a row come from deployments
 * that are to answer.
 * @returns what is wrong, or undefined
 */
export async function probe(
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  traffic: Traffic,
  host: TaskHost,
): Promise<string | undefined> {
  const question = await questionFor(workspace, endpoint, host);
  if (!question) {
    host.warn(`${endpoint.name} was not probed: it has no keys or no swagger URI.`);
    return undefined;
  }
  const start = `Endpoint ${endpoint.name} has its traffic back at ${formatTraffic(traffic)}, but`;
  const started = host.clock.now().getTime();
  const by = new Map<string, number>();
  // One after the other: an instance takes few requests at a time, and these must not crowd out its callers.
  for (let inRow = 0; inRow < answersWanted;) {
    const answer = await callEndpoint(question, host);
    const name = byDeployment(answer);
    const isStale = name !== undefined && shareOf(traffic, name) === 0;
    if (isAnswered(answer) && !isStale) {
      inRow += 1;
      // Nothing says who answers: more of the same would say no more.
      if (name === undefined) break;
      by.set(name, (by.get(name) ?? 0) + 1);
      continue;
    }
    inRow = 0;
    by.clear();
    const isLate = host.clock.now().getTime() - started >= staleMilliseconds;
    if (!isStale && (isLate || !isPassing(answer.status))) {
      return `${start} a probe through its public route was answered ${describeAnswer(answer)}. Look at the log of the deployment that answers now.`;
    }
    if (isLate) return `${start} ${name ?? ''} still answers after ${staleMilliseconds / 1000} s.`;
    await host.clock.sleep(staleDelayMilliseconds, host.signal);
  }
  const who = [...by].map(([name, count]) => `${name} ${count}`).join(', ');
  host.info(`${endpoint.name} answers${who ? `, ${answersWanted} times in a row: ${who}` : ''}`);
  return undefined;
}

function byDeployment(answer: ScoringAnswer): string | undefined {
  return answer.header('azureml-model-deployment') || undefined;
}

/** A container of the user's own need not describe itself: its 404 is an answer all the same. */
function isAnswered(answer: ScoringAnswer): boolean {
  return answer.status === 200 || answer.header('ms-azureml-model-error-statuscode') === '404';
}
