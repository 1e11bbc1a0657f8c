import type { OnlineEndpoint as EndpointResource } from '@azure/arm-machinelearning';
import { existingEndpoint } from '../lib/azureml/online-endpoints';
import { getModel, referredModel } from '../lib/azureml/models';
import type { Workspace } from '../lib/azureml/workspace';
import { tag, type Tags } from '../lib/release/tags';

/** An endpoint of the workspace as Azure holds it now. Times are ISO 8601 in UTC. */
export interface LiveEndpoint {
  readonly name: string;
  readonly state: string;
  /** Key, AMLToken or AADToken. */
  readonly authMode: string;
  readonly scoringUri: string | undefined;
  readonly swaggerUri: string | undefined;
  /** Deployment to percent of live traffic. */
  readonly traffic: Readonly<Record<string, number>>;
  readonly changedAt: string | undefined;
  readonly tags: Tags;
}

/** What one deployment of an endpoint serves, and where that comes from; undefined is what nobody recorded. */
export interface LiveDeployment {
  readonly deployment: string;
  readonly role: string | undefined;
  readonly state: string;
  /** `name:version` */
  readonly model: string | undefined;
  readonly traffic: number;
  readonly instances: number;
  /** When the deployment was made. */
  readonly since: string | undefined;
  readonly job: string | undefined;
  readonly commit: string | undefined;
  readonly build: string | undefined;
  /** Why it was taken out of service, when it was. */
  readonly rejected: string | undefined;
}

/** All online endpoints, or the ones of these names. @throws TaskError that names the ones that are there */
export async function liveEndpoints(workspace: Workspace, names: readonly string[]): Promise<LiveEndpoint[]> {
  const found: LiveEndpoint[] = [];
  try {
    for await (const endpoint of workspace.client.onlineEndpoints.list(workspace.resourceGroup, workspace.name))
      found.push(ofResource(endpoint));
  } catch (error) {
    throw workspace.explain(error, 'list the online endpoints');
  }
  for (const name of names)
    if (!found.some(endpoint => endpoint.name === name)) await existingEndpoint(workspace, name);
  const wanted = names.length === 0 ? found : found.filter(({ name }) => names.includes(name));
  return wanted.sort((a, b) => a.name.localeCompare(b.name));
}

function ofResource({ name, tags, properties, systemData }: EndpointResource): LiveEndpoint {
  return {
    name: name ?? '',
    state: properties.provisioningState ?? 'Unknown',
    authMode: properties.authMode,
    scoringUri: properties.scoringUri ?? undefined,
    swaggerUri: properties.swaggerUri ?? undefined,
    traffic: properties.traffic ?? {},
    changedAt: systemData?.lastModifiedAt?.toISOString(),
    tags: tags ?? {},
  };
}

/** The endpoint's deployments, the one with most of the traffic first. */
export async function liveDeployments(workspace: Workspace, endpoint: LiveEndpoint): Promise<LiveDeployment[]> {
  const found: LiveDeployment[] = [];
  const { client, resourceGroup } = workspace;
  try {
    for await (const one of client.onlineDeployments.list(resourceGroup, workspace.name, endpoint.name)) {
      const tags = one.tags ?? {};
      const model = tags[tag.model] ?? referredModel(one.properties.model);
      const [name, version] = model?.split(':') ?? [];
      const registered = name && version ? await getModel(workspace, name, version) : undefined;
      found.push({
        deployment: one.name ?? '',
        role: tags[tag.role],
        state: one.properties.provisioningState ?? 'Unknown',
        model,
        traffic: endpoint.traffic[one.name ?? ''] ?? 0,
        instances: one.sku?.capacity ?? 0,
        since: one.systemData?.createdAt?.toISOString(),
        job: registered?.tags[tag.job],
        commit: registered?.tags['guardian.commit'],
        build: registered?.tags['guardian.build'],
        rejected: tags[tag.rejected] || undefined,
      });
    }
  } catch (error) {
    throw workspace.explain(error, `list the deployments of the endpoint '${endpoint.name}'`);
  }
  return found.sort((a, b) => b.traffic - a.traffic || a.deployment.localeCompare(b.deployment));
}
