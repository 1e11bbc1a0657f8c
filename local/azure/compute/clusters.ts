import type { FastifyInstance } from 'fastify';
import type { Collection } from '../../journal';
import { notFound } from '../arm/arm-error';
import { resourceList } from '../arm/resource-list';
import type { AzureContext } from '../context';

/** A compute cluster of the workspace. */
export interface Cluster {
  name: string;
  vmSize: string;
  minNodes: number;
  maxNodes: number;
  createdAt: string;
}

/** Where jobs without a compute run ("serverless"). */
export const serverless: Cluster = {
  name: 'serverless',
  vmSize: 'Standard_DS3_v2',
  minNodes: 0,
  maxNodes: 2,
  createdAt: '2025-01-01T00:00:00.000Z',
};

/** The clusters, seeded at the first start with the one that the samples name. */
export function openClusters(context: Pick<AzureContext, 'journal'>): Collection<Cluster> {
  const clusters = context.journal.collection<Cluster>('computes');
  if (!clusters.get('cpu-training-cluster')) {
    clusters.set('cpu-training-cluster', {
      name: 'cpu-training-cluster',
      vmSize: 'Standard_DS3_v2',
      minNodes: 0,
      maxNodes: 2,
      createdAt: new Date().toISOString(),
    });
  }
  return clusters;
}

/** GET computes, GET computes/{name}. `busyNodes` tells how many nodes of a cluster run a job now. */
export function registerComputes(
  app: FastifyInstance,
  context: AzureContext,
  clusters: Collection<Cluster>,
  busyNodes: (cluster: string) => number,
): void {
  const show = (cluster: Cluster): unknown => computeResource(cluster, busyNodes(cluster.name), context);
  app.get('/computes', request =>
    resourceList(
      [...clusters.entries()].map(([, cluster]) => cluster),
      request,
      context.baseUrl,
      show,
    ),
  );
  app.get<{ Params: { name: string } }>('/computes/:name', request => {
    const cluster = clusters.get(request.params.name);
    if (!cluster) throw unknownCompute(request.params.name, clusters);
    return show(cluster);
  });
}

/** 404 that says which computes there are; names of computes are case-sensitive. */
export function unknownCompute(name: string, clusters: Collection<Cluster>): Error {
  const known = [...clusters.entries()].map(([, cluster]) => cluster.name);
  return notFound(
    `Compute with name ${name} was not found in the workspace. Computes of this workspace: ${known.join(', ')}.`,
  );
}

function computeResource(cluster: Cluster, busy: number, context: AzureContext): Record<string, unknown> {
  return {
    id: `${context.workspaceArmId}/computes/${cluster.name}`,
    name: cluster.name,
    type: 'Microsoft.MachineLearningServices/workspaces/computes',
    location: context.identity.region,
    properties: {
      computeType: 'AmlCompute',
      computeLocation: context.identity.region,
      description: null,
      provisioningState: 'Succeeded',
      provisioningErrors: null,
      createdOn: cluster.createdAt,
      modifiedOn: cluster.createdAt,
      isAttachedCompute: false,
      resourceId: null,
      disableLocalAuth: true,
      properties: {
        osType: 'Linux',
        vmSize: cluster.vmSize,
        vmPriority: 'Dedicated',
        scaleSettings: {
          minNodeCount: cluster.minNodes,
          maxNodeCount: cluster.maxNodes,
          nodeIdleTimeBeforeScaleDown: 'PT2M',
        },
        allocationState: 'Steady',
        allocationStateTransitionTime: cluster.createdAt,
        currentNodeCount: Math.max(cluster.minNodes, busy),
        targetNodeCount: Math.max(cluster.minNodes, busy),
        nodeStateCounts: {
          preparingNodeCount: 0,
          runningNodeCount: busy,
          idleNodeCount: Math.max(cluster.minNodes - busy, 0),
          unusableNodeCount: 0,
          leavingNodeCount: 0,
          preemptedNodeCount: 0,
        },
        errors: null,
        enableNodePublicIp: true,
        isolatedNetwork: false,
      },
    },
  };
}
