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
