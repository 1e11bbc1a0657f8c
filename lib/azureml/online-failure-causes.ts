import { kubernetesFailureCauses } from './kubernetes-failure-causes';

/** What is known of a deployment failure besides Azure's own message. */
export interface FailureCause {
  readonly cause: string;
  readonly nextStep: string;
}

/**
 * The documented codes of failed online deployments, and what lies behind them in most cases.
 * Source: Azure Machine Learning, "Troubleshoot online endpoint deployment and scoring".
 */
export const failureCauses: Readonly<Record<string, FailureCause>> = {
  ImageBuildFailure: {
    cause: 'the container image of the environment could not be built',
    nextStep:
      'read the build log above for the failing instruction; a package registry that the build cannot reach is the usual reason',
  },
  OutOfQuota: {
    cause:
      'the subscription has not enough cores of this virtual machine family in the region, or too many deployments or endpoints; Azure reserves 20 % more instances than asked for',
    nextStep:
      'choose a smaller instance type or fewer instances, remove deployments that are not needed, or ask for more quota in the portal',
  },
  BadArgument: {
    cause:
      "the instances could not get the image or the model: the endpoint's identity may not read the registry or the storage, or the path does not exist",
    nextStep:
      "give the endpoint's identity AcrPull on the container registry and Storage Blob Data Reader on the storage account, and check that the model's files are there",
  },
  BadRequest: {
    cause: 'Azure refused the definition of the deployment',
    nextStep: "correct the setting that Azure's message names",
  },
  ResourceNotReady: {
    cause: 'the container ended, or did not answer its probes in time',
    nextStep:
      "read the container's log above; if the model only needs more time to load, raise probeInitialDelaySeconds or probeFailureThreshold",
  },
  ResourceNotFound: {
    cause: 'something that the deployment refers to is not there any more: model, environment, registry or storage',
    nextStep: "check that what Azure's message names still exists in the workspace",
  },
  WorkspaceManagedNetworkNotReady: {
    cause: "the workspace's managed network is not provisioned yet",
    nextStep: 'provision it (az ml workspace provision-network) and run the task again',
  },
  OperationCanceled: {
    cause: 'a newer operation on the same deployment, or the deletion of the endpoint, took its place',
    nextStep: 'see in the activity log who changed the endpoint, then run the task again',
  },
  SecretsInjectionError: {
    cause: "the endpoint's identity may not read a secret that an environment variable refers to",
    nextStep: 'give it access to the key vault or workspace connection, or correct the reference',
  },
  InternalServerError: {
    cause: 'Azure had a fault of its own',
    nextStep: 'run the task again; if it stays, open a support request with the request id',
  },
  AuthorizationFailed: {
    cause: "the service connection's identity lacks a permission",
    nextStep: 'give it the role AzureML Data Scientist on the workspace, or the action that the message names',
  },
  EndpointAlreadyExists: {
    cause:
      'an endpoint of this name exists elsewhere in the region: names are unique per region, and a deleted name stays taken for a while',
    nextStep: 'choose another endpoint name',
  },
  OperationConflict: {
    cause: 'another operation runs on the endpoint',
    nextStep: 'run the task again when it has ended',
  },
};

const byMessage: readonly (readonly [RegExp, string])[] = [
  [/quota/i, 'OutOfQuota'],
  [/image build/i, 'ImageBuildFailure'],
  [/liveness|readiness|probe|crash/i, 'ResourceNotReady'],
];

const allCauses: Readonly<Record<string, FailureCause>> = { ...failureCauses, ...kubernetesFailureCauses };

/** What to add to a failure's message: its likely cause and the next step; empty when nothing is known. */
export function failureHint(code: string | undefined, message: string): string {
  const known = failureCause(code, message);
  return known ? ` Likely cause: ${known.cause}. Next step: ${known.nextStep}.` : '';
}

/** The likely cause for a code, or else for what the message speaks of; undefined when nothing is known. */
export function failureCause(code: string | undefined, message: string): FailureCause | undefined {
  const known = Object.keys(allCauses).find(name => name.toLowerCase() === code?.toLowerCase());
  const name = known ?? byMessage.find(([pattern]) => pattern.test(message))?.[1];
  return name === undefined ? undefined : allCauses[name];
}
