import { RestError } from '@azure/core-rest-pipeline';
import type { StoragePipelineOptions } from '@azure/storage-blob';
import { proxyOptions } from '../connection/azure-connection';
import type { TaskHost } from '../host/task-host';

/** Times that a read of a blob that breaks off is taken up where it stopped. */
export const blobReadRetries = 5;

/** Options for a client of a blob or container: the agent's proxy for its host, and as many tries as other calls get. */
export function blobOptions(url: string, host: TaskHost): StoragePipelineOptions {
  const proxy = host.proxy(new URL(url).origin);
  return {
    ...(proxy ? { proxyOptions: proxyOptions(proxy) } : {}),
    retryOptions: { maxTries: 5, retryDelayInMs: 500, maxRetryDelayInMs: 10_000 },
    userAgentOptions: { userAgentPrefix: 'guardian-mlops' },
  };
}

const throttledTries = 6;
const throttledMilliseconds = 500;

/** Calls again when the storage answers 429, after the time that it asks for: its client retries other failures, but not this one. */
export async function untilTaken<T>(call: () => Promise<T>, host: TaskHost): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await call();
    } catch (error) {
      const answer = error instanceof Error && !(error instanceof RestError) ? error.cause : error;
      if (!(answer instanceof RestError) || answer.statusCode !== 429 || tried >= throttledTries) throw error;
      const seconds = Number(answer.response?.headers.get('retry-after') ?? NaN);
      await host.clock.sleep(Number.isNaN(seconds) ? throttledMilliseconds * 2 ** tried : seconds * 1000, host.signal);
    }
  }
}
