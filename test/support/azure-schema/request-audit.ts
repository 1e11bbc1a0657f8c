import type { RecordedRequest } from '../../../local/requests/request-record';
import { requestProblems } from './check-request';

/** Keeps every request that a cloud's Resource Manager got, to hold them all against the API's published schema in the end. */
export class RequestAudit {
  private readonly requests: RecordedRequest[] = [];

  /** For `recordRequest` of a cloud. */
  readonly record = (request: RecordedRequest): void => {
    // The schema is Azure ML's: AKS, which is asked for a kubeconfig, and the list of resource groups have others.
    const isOthers =
      request.url.includes('/Microsoft.ContainerService/') ||
      /^\/subscriptions\/[^/]+\/resourceGroups\?/.test(request.url);
    // What the Python SDK sends is compared with ours, and its own affair.
    const isPython = /azsdk-python|azure-ai-ml/.test(request.headers['user-agent'] ?? '');
    if (request.plane === 'arm' && !isOthers && !isPython) this.requests.push(request);
  };

  /** @throws Error that lists every request which is not as the schema has it; also when there was no request at all, as nothing was checked then */
  async verify(): Promise<void> {
    if (this.requests.length === 0)
      throw new Error('Resource Manager got no request: is the cloud told to record them?');
    const problems = await requestProblems(this.requests);
    if (problems.length > 0)
      throw new Error(`Requests that are not as the API's published schema has them:\n${problems.join('\n')}`);
  }
}
