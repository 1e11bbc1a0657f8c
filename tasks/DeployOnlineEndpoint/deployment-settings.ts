import { isoSeconds, type DeploymentSettings } from '../../lib/azureml/online-deployments';
import type { TaskInputs } from '../../lib/host/task-inputs';

/**
 * The settings that the inputs of the groups "Instances and requests" and "Probes" name; with a deployment file they are the
 * file's, and of the inputs only the environment variables are added.
 */
export function readSettings(inputs: TaskInputs, ofFile: DeploymentSettings | undefined): DeploymentSettings {
  const environmentVariables = { ...ofFile?.environmentVariables, ...inputs.pairs('environmentVariables') };
  if (ofFile) return { instanceType: defaultInstanceType, ...ofFile, environmentVariables };
  const probe = {
    initialDelay: isoSeconds(inputs.integer('probeInitialDelaySeconds', { min: 0, max: 3600 }) ?? 10),
    period: isoSeconds(inputs.integer('probePeriodSeconds', { min: 1, max: 3600 }) ?? 10),
    timeout: isoSeconds(inputs.integer('probeTimeoutSeconds', { min: 1, max: 3600 }) ?? 2),
    failureThreshold: inputs.integer('probeFailureThreshold', { min: 1, max: 1000 }) ?? 30,
    successThreshold: 1,
  };
  const egress = inputs.choice('egressPublicNetworkAccess', ['enabled', 'disabled'], 'enabled');
  return {
    endpointComputeType: 'Managed',
    environmentVariables,
    instanceType: inputs.optional('instanceType') ?? defaultInstanceType,
    // Only 'Disabled' is said: then the instances reach the workspace's resources by its private endpoint only.
    ...(egress === 'disabled' ? { egressPublicNetworkAccess: 'Disabled' } : {}),
    scaleSettings: { scaleType: 'Default' },
    requestSettings: {
      requestTimeout: isoSeconds(inputs.integer('requestTimeoutSeconds', { min: 1, max: 180 }) ?? 5),
      maxConcurrentRequestsPerInstance: inputs.integer('maxConcurrentRequests', { min: 1, max: 1000 }) ?? 4,
    },
    livenessProbe: probe,
    readinessProbe: probe,
  };
}

/** Of managed endpoints; a Kubernetes cluster has names of its own. */
export const defaultInstanceType = 'Standard_DS3_v2';
