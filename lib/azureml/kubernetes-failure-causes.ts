import type { FailureCause } from './online-failure-causes';

const registryAccess = {
  cause: 'the cluster cannot get the image from the container registry: its sign-in or its way there fails',
  nextStep:
    "check that the registry is there and reachable from the cluster, that its keys were not changed, and that the Azure ML extension's identity may pull from it; then run the task again",
};
const script = {
  cause: "the scoring script's init failed, or the script cannot be imported or has no run function",
  nextStep: "read the container's log above for the Python error and correct the scoring script or its packages",
};

/**
 * What deployments on Kubernetes computes fail with besides the codes of managed ones.
 * Source: Azure Machine Learning, "Troubleshoot online endpoint deployment and scoring", common errors specific to Kubernetes deployments.
 */
export const kubernetesFailureCauses: Readonly<Record<string, FailureCause>> = {
  ACRSecretError: registryAccess,
  ACRAuthenticationChallengeFailed: registryAccess,
  ACRTokenExchangeFailed: registryAccess,
  ImagePullLoopBackOff: registryAccess,
  TokenRefreshFailed: {
    cause: "the Azure ML extension's identity on the cluster is not set up right, or its token ran out",
    nextStep: 'reinstall the Azure ML extension on the cluster and run the task again',
  },
  GetAADTokenFailed: {
    cause: 'the cluster cannot get a token from Entra ID',
    nextStep: "check the cluster's way out (the extension's required addresses) and its service principal or identity",
  },
  KubernetesUnaccessible: {
    cause: "the cluster's API server does not answer Azure ML",
    nextStep: 'check that the cluster runs and is attached with valid credentials, then run the task again',
  },
  NamespaceNotFound: {
    cause: "the namespace of the endpoint's compute is not there",
    nextStep: 'create it, or attach the cluster with a namespace that exists',
  },
  DeploymentCrashLoopBackOff: {
    cause: "the container crashes when it starts: its script's error, or too little memory or processor",
    nextStep: "read the container's log above; correct what it says, or choose an instance type with larger limits",
  },
  KubernetesCrashLoopBackOff: {
    cause: 'a pod crashes again and again: the error of a script, too little memory, or a probe that comes too early',
    nextStep:
      "read the container's log above; correct what it says, choose an instance type with larger limits, or raise probeInitialDelaySeconds",
  },
  UserScriptInitFailed: script,
  UserScriptImportError: script,
  UserScriptFunctionNotFound: script,
  PodUnschedulable: {
    cause: 'no node has room for the pods, or none fits their node selector and taints',
    nextStep: 'add nodes, ask for fewer instances or a smaller instance type, or correct its node selector',
  },
  PodOutOfMemory: {
    cause: 'the pod used more memory than its instance type allows',
    nextStep: 'choose an instance type with more memory',
  },
  InferencingClientCallFailed: {
    cause: "the Azure ML extension's operator on the cluster does not answer",
    nextStep: 'check that the pods of the namespace azureml run, then run the task again',
  },
  ScoringFeUnhealthy: {
    cause: 'the router azureml-fe on the cluster is not healthy',
    nextStep: 'look at the pods azureml-fe of the namespace azureml; they need room on the nodes',
  },
  ValidateScoringFailed: {
    cause: 'the first call of the scoring URI failed',
    nextStep: "read the container's log above and check azureml-fe and its load balancer",
  },
  InvalidDeploymentSpec: {
    cause: 'the definition of the deployment is not valid on this cluster',
    nextStep: "correct what Azure's message names, such as the instance type or an instance count below the minimum",
  },
  EndpointNotFound: {
    cause: 'the endpoint was not made on the cluster, or was removed there',
    nextStep: 'make the endpoint again, then run the task again',
  },
};
