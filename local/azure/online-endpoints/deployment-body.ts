import { ArmError, userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import { isoDurationSeconds } from '../compute/iso-duration';
import type { AzureContext } from '../context';
import {
  duration,
  invalid,
  oneOf,
  optionalRecord,
  record,
  requiredText,
  text,
  wholeNumber,
  type Body,
} from '../jobs/body-fields';
import { requiredField } from './endpoint-body';
import { requireCapacity } from './endpoint-rules';
import type { DeploymentProperties, DeploymentRecord, EndpointRecord, Probe } from './endpoint-store';

/** Documented maxima of the request timeout: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas */
const maxRequestSeconds = { Managed: 180, Kubernetes: 300 };
const at = 'properties.';

export interface DeploymentPut {
  endpoint: EndpointRecord;
  name: string;
  body: Body;
  old: DeploymentRecord | undefined;
  context: Pick<AzureContext, 'models' | 'environments' | 'identity'>;
  /** Client id of the caller. */
  caller: string;
}

/** What a PUT of a deployment asks for, with the service's defaults filled in. @throws ArmError 400 */
export function deploymentFromBody({ endpoint, name, body, old, context, caller }: DeploymentPut): DeploymentRecord {
  const given = record(body, 'properties');
  const type = computeTypeOf(given, endpoint);
  const now = new Date().toISOString();
  return {
    endpoint: endpoint.name,
    name,
    location: text(body, 'location') ?? context.identity.region,
    tags: stringMap(body.tags, 'tags'),
    capacity: requireCapacity(record(body, 'sku').capacity),
    properties: {
      endpointComputeType: type,
      ...assets(given, context),
      modelMountPath: text(given, 'modelMountPath', at),
      instanceType: instanceTypeOf(given, type, old),
      environmentVariables: stringMap(given.environmentVariables, 'environmentVariables'),
      appInsightsEnabled: given.appInsightsEnabled === true,
      description: text(given, 'description', at),
      properties: stringMap(given.properties, 'properties'),
      egressPublicNetworkAccess: oneOf(given, 'egressPublicNetworkAccess', ['Enabled', 'Disabled'], 'Enabled', at),
      livenessProbe: probe(given, 'livenessProbe'),
      readinessProbe: probe(given, 'readinessProbe'),
      ...(optionalRecord(given, 'startupProbe', at) ? { startupProbe: probe(given, 'startupProbe') } : {}),
      requestSettings: requestSettings(given, type),
      scaleSettings: scaleSettings(given, type),
      ...dataCollector(given),
      ...resourceRequirements(given, type),
    },
    provisioningState: old ? 'Updating' : 'Creating',
    createdAt: old?.createdAt ?? now,
    createdBy: old ? (old.createdBy ?? caller) : caller,
    modifiedAt: now,
    modifiedBy: caller,
  };
}

function computeTypeOf(given: Body, endpoint: EndpointRecord): 'Managed' | 'Kubernetes' {
  if (text(given, 'endpointComputeType', at) === null) throw requiredField('properties.endpointComputeType');
  const type = oneOf(given, 'endpointComputeType', ['Managed', 'Kubernetes'], 'Managed', at);
  const expected = endpoint.compute ? 'Kubernetes' : 'Managed';
  if (type !== expected)
    throw userError(`The endpoint ${endpoint.name} is ${expected}; a deployment of type ${type} does not fit.`, {
      target: 'endpointComputeType',
    });
  return type;
}

function assets(
  given: Body,
  { models, environments }: DeploymentPut['context'],
): Pick<DeploymentProperties, 'model' | 'environmentId' | 'codeConfiguration'> {
  const model = text(given, 'model', at);
  const found = model === null ? undefined : models.find(model);
  if (model !== null && !found) throw userError(`The model ${model} was not found.`, { target: 'model' });
  const environmentId = text(given, 'environmentId', at);
  // No-code deployment: the environment is made from what the MLflow model says about itself.
  if (environmentId === null && found?.type !== 'mlflow_model')
    throw userError('A deployment without an environment needs a model of type mlflow_model.', {
      target: 'environmentId',
    });
  if (environmentId !== null && !environments.find(environmentId))
    throw userError(`The environment ${environmentId} was not found.`, { target: 'environmentId' });
  const code = optionalRecord(given, 'codeConfiguration', at);
  return {
    model,
    environmentId,
    codeConfiguration: code && {
      codeId: text(code, 'codeId', `${at}codeConfiguration.`),
      scoringScript: requiredText(code, 'scoringScript', `${at}codeConfiguration.`),
    },
  };
}

/** Required for managed deployments; Kubernetes ones fall back on the cluster's default instance type. */
function instanceTypeOf(given: Body, type: string, old: DeploymentRecord | undefined): string | null {
  const instanceType = text(given, 'instanceType', at);
  if (type === 'Managed' && instanceType !== null && !/^Standard_\w+$/i.test(instanceType))
    throw new ArmError(400, 'BadRequest', 'The request is invalid.', {
      details: [
        { code: 'InvalidInstanceType', message: `The instance type ${instanceType} is not supported in this region.` },
      ],
    });
  return instanceType ?? old?.properties.instanceType ?? (type === 'Managed' ? null : 'defaultinstancetype');
}

function requestSettings(given: Body, type: 'Managed' | 'Kubernetes'): DeploymentProperties['requestSettings'] {
  const settings = record(given, 'requestSettings', at);
  const where = 'requestSettings.';
  const requestTimeout = duration(settings, 'requestTimeout', where) ?? 'PT5S';
  const maximum = maxRequestSeconds[type];
  if ((isoDurationSeconds(requestTimeout) ?? 0) > maximum)
    throw userError(`requestSettings.requestTimeout is at most ${maximum} seconds.`, { target: 'requestTimeout' });
  return {
    requestTimeout,
    maxConcurrentRequestsPerInstance: wholeNumber(settings, 'maxConcurrentRequestsPerInstance', 1, 1, where),
    maxQueueWait: duration(settings, 'maxQueueWait', where) ?? (type === 'Managed' ? 'PT0S' : 'PT0.5S'),
  };
}

/** TargetUtilization is for Kubernetes: the instances of managed deployments are scaled by Azure Monitor. */
function scaleSettings(given: Body, type: string): DeploymentProperties['scaleSettings'] {
  const settings = record(given, 'scaleSettings', at);
  const where = 'scaleSettings.';
  const scaleType = oneOf(settings, 'scaleType', ['Default', 'TargetUtilization'], 'Default', where);
  if (scaleType === 'Default') return { scaleType };
  if (type === 'Managed')
    throw userError(
      'scaleSettings.scaleType TargetUtilization is for Kubernetes online deployments; managed ones are scaled by autoscale settings of Azure Monitor.',
      { target: 'scaleSettings' },
    );
  const minInstances = wholeNumber(settings, 'minInstances', 0, 1, where);
  const maxInstances = wholeNumber(settings, 'maxInstances', 1, 1, where);
  if (maxInstances < minInstances)
    throw userError('scaleSettings.maxInstances is less than minInstances.', { target: 'scaleSettings' });
  return {
    scaleType,
    minInstances,
    maxInstances,
    pollingInterval: duration(settings, 'pollingInterval', where) ?? 'PT1S',
    targetUtilizationPercentage: wholeNumber(settings, 'targetUtilizationPercentage', 1, 70, where),
  };
}

/** `collections` with a mode each; local Azure keeps the setting, as the API has it, and collects nothing. */
function dataCollector(given: Body): Pick<DeploymentProperties, 'dataCollector'> {
  const collector = optionalRecord(given, 'dataCollector', at);
  if (!collector) return {};
  const where = `${at}dataCollector.`;
  const collections = Object.entries(record(collector, 'collections', where));
  if (collections.length === 0) throw invalid(`${where}collections`, 'must name at least one collection');
  for (const [name, collection] of collections) {
    if (typeof collection !== 'object' || collection === null) throw invalid(where + name, 'must be an object');
    oneOf(collection as Body, 'dataCollectionMode', ['Enabled', 'Disabled'], 'Disabled', `${where}${name}.`);
  }
  oneOf(collector, 'rollingRate', ['Year', 'Month', 'Day', 'Hour', 'Minute'], 'Hour', where);
  return { dataCollector: collector };
}

/** Requests and limits of cpu, memory and gpu, texts as Kubernetes has them. */
function resourceRequirements(given: Body, type: string): Pick<DeploymentProperties, 'containerResourceRequirements'> {
  const requirements = optionalRecord(given, 'containerResourceRequirements', at);
  if (!requirements || type === 'Managed') return {};
  const where = `${at}containerResourceRequirements.`;
  for (const kind of Object.keys(requirements)) {
    for (const [resource, amount] of Object.entries(record(requirements, kind, where))) {
      if (amount !== null && (typeof amount !== 'string' || !/^\d+(\.\d+)?(m|[KMGT]i?)?$/.test(amount)))
        throw invalid(`${where}${kind}.${resource}`, `is ${JSON.stringify(amount)}, which is no Kubernetes quantity`);
    }
  }
  return { containerResourceRequirements: requirements };
}

/** The service's defaults where nothing was given. A liveness probe succeeds at once or not at all, as in Kubernetes. */
function probe(given: Body, which: 'livenessProbe' | 'readinessProbe' | 'startupProbe'): Probe {
  const probe = record(given, which, at);
  const where = `${which}.`;
  const successThreshold = wholeNumber(probe, 'successThreshold', 1, 1, where);
  if (which === 'livenessProbe' && successThreshold !== 1)
    throw userError('livenessProbe.successThreshold must be 1.', { target: 'livenessProbe.successThreshold' });
  return {
    initialDelay: duration(probe, 'initialDelay', where) ?? 'PT10S',
    period: duration(probe, 'period', where) ?? 'PT10S',
    timeout: duration(probe, 'timeout', where) ?? 'PT2S',
    failureThreshold: wholeNumber(probe, 'failureThreshold', 1, 30, where),
    successThreshold,
  };
}
