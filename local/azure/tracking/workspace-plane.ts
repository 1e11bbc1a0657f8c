import type { FastifyRequest } from 'fastify';
import { sameName } from '../arm/arm-scope';
import type { AzureContext } from '../context';
import { TokenRefused, type Caller } from '../directory/directory-tokens';
import { hasEnded, type JobStore } from '../jobs/job-record';

/** A refusal of the planes beside ARM (run history, MLflow); each plane gives it its own form. */
export class PlaneRefusal extends Error {
  constructor(
    readonly status: 401 | 403 | 404,
    message: string,
  ) {
    super(message);
    this.name = 'PlaneRefusal';
  }
}

interface PlaceParams {
  subscriptionId: string;
  resourceGroup: string;
  workspace: string;
}

/**
 * Who calls run history or MLflow: a principal with a token for Resource Manager or Azure ML, or a job with its own token as long as it runs.
 * @throws PlaneRefusal
 */
export async function planeCaller(request: FastifyRequest, context: AzureContext, jobs: JobStore): Promise<Caller> {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined)
    throw new PlaneRefusal(401, "The 'Authorization' header is missing or is not a bearer token.");
  let caller: Caller;
  try {
    caller = await context.directory.identify(token, 'workspace');
  } catch (error) {
    if (error instanceof TokenRefused) throw new PlaneRefusal(401, error.message);
    throw error;
  }
  const action = actionOf(request);
  if (!caller.allows(action)) {
    throw new PlaneRefusal(
      403,
      `The client '${caller.clientId}' with object id '${caller.objectId}' has no role assignment that allows action '${action}' on workspace ${context.identity.workspace}.`,
    );
  }
  if (caller.job !== undefined) {
    const job = jobs.get(caller.job);
    if (!job || hasEnded(job.status))
      throw new PlaneRefusal(401, `The token of job ${caller.job} is no longer valid: the job has ended.`);
  }
  const { subscriptionId, resourceGroup, workspace } = request.params as PlaceParams;
  const { identity } = context;
  if (
    !sameName(subscriptionId, identity.subscriptionId) ||
    !sameName(resourceGroup, identity.resourceGroup) ||
    !sameName(workspace, identity.workspace)
  ) {
    throw new PlaneRefusal(404, `Workspace ${workspace} in resource group ${resourceGroup} was not found.`);
  }
  return caller;
}

/** The RBAC action of a request to run history, MLflow or the environment service (actions of Microsoft.MachineLearningServices; searches are POSTs that only read). */
function actionOf(request: FastifyRequest): string {
  const path = request.url.split('?')[0] ?? '';
  if (path.startsWith('/environment/'))
    return `Microsoft.MachineLearningServices/workspaces/environments/${request.method === 'GET' ? 'read' : 'build/action'}`;
  const kind = /\/(registered-models|model-versions)\//.test(path) ? 'models' : 'experiments/runs';
  const reads = request.method === 'GET' || /\/(search|list|full|contentinfo|rundata|metadata)$/.test(path);
  return `Microsoft.MachineLearningServices/workspaces/${kind}/${reads ? 'read' : 'write'}`;
}
