import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { endpointKeys, type OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import { callEndpoint, describeAnswer, isPassing, type ScoringAnswer } from '../../lib/azureml/scoring-request';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';

/** A request that a new deployment has to answer before it takes traffic. */
export interface SmokeTest {
  readonly name: string;
  readonly body: Buffer;
  readonly contentType: string;
}

/** Reads the file before anything is created: a missing one is an input mistake. */
export async function readSmokeTest(file: string): Promise<SmokeTest> {
  let body: Buffer;
  try {
    body = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new TaskError(
      `The smoke test file ${file} cannot be read (${code}). smokeTestFile is relative to the sources; is the repository checked out in this job?`,
      { code: 'GuardianInput', cause: error },
    );
  }
  return { name: basename(file), body, contentType: contentTypeOf(body) };
}

/** By the content's first bytes. */
export function contentTypeOf(body: Buffer): string {
  if (body[0] === 0xff && body[1] === 0xd8) return 'image/jpeg';
  if (body.subarray(1, 4).toString('latin1') === 'PNG') return 'image/png';
  return /^\s*[[{]/.test(body.subarray(0, 100).toString('latin1')) ? 'application/json' : 'application/octet-stream';
}

/** A deployment that has just become ready may not be known to every router yet. */
const retryDelaysMilliseconds = [1000, 2000, 4000, 8000];

/**
 * Sends the request to one deployment, past the traffic.
 * @throws TaskError when the answer is not 200, or comes from another deployment
 */
export async function smokeTest(
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  deployment: string,
  test: SmokeTest,
  host: TaskHost,
): Promise<void> {
  const keys = await endpointKeys(workspace, endpoint.name);
  if (!keys || !endpoint.scoringUri) {
    throw new TaskError(
      `The smoke test needs an endpoint with keys, and ${endpoint.name} authenticates with ${endpoint.authMode}. Leave smokeTestFile empty for it.`,
    );
  }
  host.maskSecret(keys.primaryKey);
  host.maskSecret(keys.secondaryKey);
  const request = { method: 'POST', url: endpoint.scoringUri, key: keys.primaryKey, deployment, ...test } as const;
  const answer = await withRetries(() => callEndpoint(request, host), host);
  const answeredBy = answer.header('azureml-model-deployment');
  if (answer.status !== 200) {
    throw new TaskError(
      `Deployment ${deployment} fails its smoke test: ${test.name} was answered ${describeAnswer(answer)}.`,
    );
  }
  if (answeredBy && answeredBy !== deployment) {
    throw new TaskError(`The smoke test asked deployment ${deployment}, but ${answeredBy} answered.`);
  }
  host.foreign(`Smoke test: ${test.name} answered in ${answer.milliseconds} ms: ${answer.text.slice(0, 500)}`);
}

async function withRetries(call: () => Promise<ScoringAnswer>, host: TaskHost): Promise<ScoringAnswer> {
  for (const delay of retryDelaysMilliseconds) {
    const answer = await call();
    if (!isPassing(answer.status)) return answer;
    host.info(`Smoke test: ${describeAnswer(answer)}; trying again in ${delay / 1000} s`);
    await host.clock.sleep(delay, host.signal);
  }
  return call();
}
