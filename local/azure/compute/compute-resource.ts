import type { AzureContext } from '../context';
import type { ComputeRecord } from './compute-record';
import type { Nodes } from './nodes';

/** A compute as ARM shows it. */
export function computeResource(
  compute: ComputeRecord,
  nodes: Nodes['state'] | undefined,
  context: AzureContext,
): Record<string, unknown> {
  return {
    id: `${context.workspaceArmId}/computes/${compute.name}`,
    name: compute.name,
    type: 'Microsoft.MachineLearningServices/workspaces/computes',
    location: compute.location,
    tags: compute.tags,
    properties: {
      computeType: compute.computeType,
      computeLocation: compute.location,
      description: compute.description,
      provisioningState: compute.provisioningState,
      provisioningErrors: null,
      createdOn: compute.createdAt,
      modifiedOn: compute.modifiedAt,
      isAttachedCompute: compute.resourceId !== undefined,
      resourceId: compute.resourceId ?? null,
      disableLocalAuth: true,
      properties: details(compute, nodes, context),
    },
  };
}

function details(
  compute: ComputeRecord,
  nodes: Nodes['state'] | undefined,
  context: AzureContext,
): Record<string, unknown> {
  switch (compute.computeType) {
    case 'AmlCompute':
      return cluster(compute, nodes);
    case 'ComputeInstance':
      return instance(compute, context);
    case 'Kubernetes':
      return { namespace: 'default', defaultInstanceType: 'defaultinstancetype', ...compute.given };
  }
}

function cluster(compute: ComputeRecord, nodes: Nodes['state'] | undefined): Record<string, unknown> {
  const { current, target, busy } = nodes ?? { current: compute.minNodes, target: compute.minNodes, busy: 0 };
  return {
    osType: 'Linux',
    virtualMachineImage: null,
    subnet: null,
    userAccountCredentials: null,
    remoteLoginPortPublicAccess: 'Enabled',
    enableNodePublicIp: true,
    isolatedNetwork: false,
    ...compute.given,
    vmSize: compute.vmSize,
    vmPriority: compute.vmPriority,
    scaleSettings: {
      minNodeCount: compute.minNodes,
      maxNodeCount: compute.maxNodes,
      nodeIdleTimeBeforeScaleDown: compute.idleTime,
    },
    allocationState: nodes?.isResizing === true ? 'Resizing' : 'Steady',
    allocationStateTransitionTime: nodes?.changedAt.toISOString() ?? compute.createdAt,
    currentNodeCount: current,
    targetNodeCount: target,
    nodeStateCounts: {
      preparingNodeCount: Math.max(target - current, 0),
      runningNodeCount: busy,
      idleNodeCount: Math.max(current - busy, 0),
      unusableNodeCount: 0,
      leavingNodeCount: 0,
      preemptedNodeCount: 0,
    },
    errors: null,
  };
}

function instance(compute: ComputeRecord, context: AzureContext): Record<string, unknown> {
  return {
    applicationSharingPolicy: 'Shared',
    computeInstanceAuthorizationType: 'personal',
    sshSettings: { sshPublicAccess: 'Disabled', adminUserName: 'azureuser', sshPort: 22, adminPublicKey: null },
    ...compute.given,
    vmSize: compute.vmSize,
    state: compute.state,
    connectivityEndpoints: { publicIpAddress: null, privateIpAddress: null },
    applications: [],
    createdBy: { userObjectId: null, userOrgId: context.identity.tenantId, userName: null },
    errors: [],
    lastOperation: {
      operationName: compute.state === 'Stopped' ? 'Stop' : 'Start',
      operationStatus: 'Succeeded',
      operationTime: compute.modifiedAt,
      operationTrigger: 'User',
    },
    schedules: null,
  };
}
