import type { DeployInputs, Target } from '../../../tasks/DeployOnlineEndpoint/inputs';

export const target: Target = {
  connection: {} as never,
  resourceGroup: 'rg',
  workspaceName: 'ws',
  endpointName: 'nsfw-detector-endpoint',
  pullRequestComment: false,
  whatIf: false,
};

/** All at once on the environment `own-runtime:1`, unless changed. */
export const deployInputs = (change: Partial<DeployInputs>): DeployInputs => ({
  action: 'deploy',
  ...target,
  modelName: 'nsfw-detector',
  modelVersion: 'latest',
  releaseRecord: undefined,
  strategy: 'allAtOnce',
  challengerTraffic: 10,
  environment: 'azureml:own-runtime:1',
  settings: {
    endpointComputeType: 'Managed',
    environmentVariables: {},
    instanceType: 'Standard_DS3_v2',
  },
  file: undefined,
  notes: [],
  endpointTags: {},
  newEndpoint: {
    ...{ authMode: 'Key', publicNetworkAccess: 'Enabled', userAssignedIdentity: undefined },
    ...{ compute: undefined, description: undefined, properties: undefined },
  },
  instanceCount: undefined,
  smokeTestFile: undefined,
  checkQuota: false,
  registryName: undefined,
  mirrorPercent: 10,
  goldenSet: undefined,
  replay: undefined,
  replayRequests: 500,
  rollout: {
    steps: [100],
    bakeMinutes: 0,
    analysis: { gates: [], minimumRequests: 0, onInconclusive: 'pause', dryRun: false },
    onFailure: 'remove',
  },
  keepPrevious: true,
  whenBusy: { kind: 'refuse' },
  tags: {},
  ...change,
});
