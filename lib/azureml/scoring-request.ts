import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from '@azure/core-rest-pipeline';
import { proxyOptions } from '../connection/azure-connection';
import type { TaskHost } from '../host/task-host';
import { serviceError } from './service-error';

export interface ScoringRequest {
  readonly method: 'GET' | 'POST';
  /** The endpoint's scoring or swagger URI: callers' own way in, not Resource Manager. */
  readonly url: string;
  readonly key: string;
  /** Asks this deployment, whatever the traffic says; without it the endpoint's traffic decides. */
  readonly deployment?: string;
  readonly body?: Buffer;
  readonly contentType?: string;
}

export interface ScoringAnswer {
  readonly status: number;
  readonly text: string;
  readonly milliseconds: number;
  header(name: string): string | undefined;
}

/** Longer than Azure lets a scoring request take (180 s). */
const timeoutMilliseconds = 200_000;

/** Calls an endpoint as an application does. Every status is an answer; only a missing one is thrown. */
export async function callEndpoint(request: ScoringRequest, host: TaskHost): Promise<ScoringAnswer> {
  const proxy = host.proxy(request.url);
  const pipeline = createPipelineFromOptions({
    retryOptions: { maxRetries: 0 },
    ...(proxy ? { proxyOptions: proxyOptions(proxy) } : {}),
  });
  const started = performance.now();
  const send = pipeline.sendRequest(
    createDefaultHttpClient(),
    createPipelineRequest({
      url: request.url,
      method: request.method,
      timeout: timeoutMilliseconds,
      abortSignal: host.signal,
      headers: createHttpHeaders({
        authorization: `Bearer ${request.key}`,
        ...(request.contentType ? { 'content-type': request.contentType } : {}),
        ...(request.deployment ? { 'azureml-model-deployment': request.deployment } : {}),
      }),
      ...(request.body ? { body: request.body } : {}),
    }),
  );
  const response = await send.catch((error: unknown) => {
    const { origin, pathname } = new URL(request.url);
    throw serviceError(error, `call ${origin}${pathname}`, { endpoint: origin, principal: "the endpoint's key" });
  });
  return {
    status: response.status,
    text: response.bodyAsText ?? '',
    milliseconds: Math.round(performance.now() - started),
    header: name => response.headers.get(name),
  };
}

/** What Azure says of a refused scoring request; for 424 the container's own status and reason stand in headers. */
export function describeAnswer(answer: ScoringAnswer): string {
  const reason = answer.header('ms-azureml-model-error-reason');
  const status = answer.header('ms-azureml-model-error-statuscode');
  const text = answer.text.replace(/\s+/g, ' ').trim().slice(0, 500);
  const told = reason && !text.includes(reason.slice(0, 500)) ? `, ${reason}` : '';
  const container = status ? ` (the container answered ${status}${told})` : '';
  return `${answer.status}${container}${text ? `: ${text}` : ''}`;
}

/** Statuses of the way to the container rather than of the container: worth another try. */
export function isPassing(status: number): boolean {
  return [404, 408, 429, 502, 503, 504].includes(status);
}
