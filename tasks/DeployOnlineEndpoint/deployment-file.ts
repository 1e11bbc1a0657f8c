import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { environment, type EnvironmentSpec } from '../../lib/azureml/environment-spec';
import { isRemote, localPath } from '../../lib/azureml/local-path';
import { isoSeconds, type DeploymentSettings } from '../../lib/azureml/online-deployments';
import { present } from '../../lib/azureml/present';
import { readYamlFile, strings } from '../../lib/azureml/yaml-file';
import { TaskError } from '../../lib/task-error';

/** What a deployment file of `az ml` names: everything but its shares of the traffic. */
export interface DeploymentFile {
  /** Where its relative paths start from. */
  readonly folder: string;
  readonly endpointName: string | undefined;
  readonly deploymentName: string | undefined;
  readonly model:
    { readonly name: string; readonly version: string; readonly registry: string | undefined } | undefined;
  readonly environment: EnvironmentSpec | undefined;
  readonly code: { readonly path: string; readonly scoringScript: string } | undefined;
  readonly instanceCount: number | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly settings: DeploymentSettings;
}

const whole = z.number().int().min(0);
const probe = z
  .strictObject({
    initial_delay: whole,
    period: whole,
    timeout: whole,
    success_threshold: whole,
    failure_threshold: whole,
  })
  .partial();
const resourceAmounts = z.strictObject({ cpu: text(), memory: text(), 'nvidia.com/gpu': text() }).partial();

/**
 * https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online and
 * https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-kubernetes-online
 */
const deployment = z.strictObject({
  $schema: z.string().optional(),
  type: z.enum(['managed', 'kubernetes']).optional(),
  name: z.string().optional(),
  endpoint_name: z.string().optional(),
  description: z.string().optional(),
  tags: strings.default({}),
  properties: strings.optional(),
  model: z
    .string(
      'expected a registered model, such as azureml:name:version; local files are registered by RegisterModel first',
    )
    .optional(),
  code_configuration: z.strictObject({ code: z.string(), scoring_script: z.string() }).optional(),
  environment: environment.optional(),
  environment_variables: strings.default({}),
  app_insights_enabled: z.boolean().optional(),
  scale_settings: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('default') }),
      z.strictObject({
        type: z.literal('target_utilization'),
        polling_interval: whole.optional(),
        target_utilization_percentage: whole.optional(),
        min_instances: whole.optional(),
        max_instances: whole.optional(),
      }),
    ])
    .optional(),
  request_settings: z
    .strictObject({ request_timeout_ms: whole, max_concurrent_requests_per_instance: whole, max_queue_wait_ms: whole })
    .partial()
    .optional(),
  liveness_probe: probe.optional(),
  readiness_probe: probe.optional(),
  instance_type: z.string().optional(),
  instance_count: z.number().int().min(1).optional(),
  model_mount_path: z.string().optional(),
  egress_public_network_access: z.enum(['enabled', 'disabled']).optional(),
  data_collector: z
    .strictObject({
      collections: z.record(
        z.string(),
        z.strictObject({
          enabled: z.union([z.boolean(), z.stringbool()]),
          data: z.string('expected a registered data asset, such as azureml:name:version').optional(),
          client_id: z.string().optional(),
        }),
      ),
      rolling_rate: z
        .string()
        .transform(rate => rate.toLowerCase())
        .pipe(z.enum(['minute', 'hour', 'day']))
        .optional(),
      sampling_rate: z.number().min(0).max(1).optional(),
      request_logging: z.strictObject({ capture_headers: z.array(z.string()) }).optional(),
    })
    .optional(),
  resources: z.strictObject({ requests: resourceAmounts, limits: resourceAmounts }).partial().optional(),
});
type Spec = z.output<typeof deployment>;

/** Kubernetes amounts such as `0.1` and `1Gi` are texts to the service. */
function text(): z.ZodType<string> {
  return z.union([z.string(), z.number()]).transform(String);
}

/** @throws TaskError that names every problem with its line */
export function readDeploymentFile(path: string): DeploymentFile {
  const file = readYamlFile(path, 'deploymentFile');
  const spec = file.check(deployment, file.plain(), [], 'an online deployment');
  const folder = dirname(path);
  const code = spec.code_configuration;
  checkPaths(path, folder, spec);
  return {
    folder,
    endpointName: spec.endpoint_name,
    deploymentName: spec.name,
    model: spec.model === undefined ? undefined : modelOf(path, spec.model),
    environment: spec.environment,
    code: code && { path: localPath(folder, code.code), scoringScript: code.scoring_script },
    instanceCount: spec.instance_count,
    tags: spec.tags,
    settings: settingsOf(spec),
  };
}

function checkPaths(file: string, folder: string, { code_configuration: code, environment: asked }: Spec): void {
  const inline = typeof asked === 'object' ? asked : undefined;
  const conda = typeof inline?.conda_file === 'string' ? inline.conda_file : undefined;
  const paths = { 'code_configuration.code': code?.code, conda_file: conda, 'build.path': inline?.build?.path };
  const missing = Object.entries(paths).filter(
    ([, path]) => path !== undefined && !isRemote(path) && !existsSync(localPath(folder, path)),
  );
  if (missing.length === 0) return;
  const list = missing.map(([name, path = '']) => `${name} (${localPath(folder, path)})`).join(', ');
  throw new TaskError(`${file} names what does not exist: ${list}. Paths are relative to the file.`, {
    code: 'GuardianInput',
  });
}

function modelOf(file: string, reference: string): DeploymentFile['model'] {
  const own = /^azureml:([^:@/]+)(?::([^:@/]+)|@latest)$/.exec(reference);
  if (own?.[1]) return { name: own[1], version: own[2] ?? 'latest', registry: undefined };
  const shared = /^azureml:\/\/registries\/([^/]+)\/models\/([^/]+)\/(?:versions\/([^/]+)|labels\/latest)$/.exec(
    reference,
  );
  if (shared?.[1] && shared[2]) return { name: shared[2], version: shared[3] ?? 'latest', registry: shared[1] };
  throw new TaskError(
    `${file}: model is "${reference}", but must be azureml:name:version, azureml:name@latest or azureml://registries/NAME/models/NAME/versions/VERSION. Local files are registered by RegisterModel first.`,
    { code: 'GuardianInput' },
  );
}

/** What the REST API calls it. The official SDK makes the same of the same file; a test holds the two against each other. */
function settingsOf(spec: Spec): DeploymentSettings {
  const { scale_settings: scale, request_settings: requests, data_collector: collector, resources } = spec;
  const named = present({
    description: spec.description,
    properties: spec.properties,
    appInsightsEnabled: spec.app_insights_enabled,
    instanceType: spec.instance_type,
    modelMountPath: spec.model_mount_path,
    egressPublicNetworkAccess:
      spec.egress_public_network_access && (spec.egress_public_network_access === 'enabled' ? 'Enabled' : 'Disabled'),
    scaleSettings:
      scale?.type === 'target_utilization'
        ? present({
            scaleType: 'TargetUtilization',
            pollingInterval: seconds(scale.polling_interval),
            targetUtilizationPercentage: scale.target_utilization_percentage,
            minInstances: scale.min_instances,
            maxInstances: scale.max_instances,
          })
        : scale && { scaleType: 'Default' },
    requestSettings:
      requests &&
      present({
        requestTimeout: milliseconds(requests.request_timeout_ms),
        maxConcurrentRequestsPerInstance: requests.max_concurrent_requests_per_instance,
        maxQueueWait: milliseconds(requests.max_queue_wait_ms),
      }),
    livenessProbe: spec.liveness_probe && probeOf(spec.liveness_probe),
    readinessProbe: spec.readiness_probe && probeOf(spec.readiness_probe),
    dataCollector:
      collector &&
      present({
        collections: Object.fromEntries(
          Object.entries(collector.collections).map(([name, { enabled, data, client_id }]) => [
            name,
            present({
              dataCollectionMode: enabled ? 'Enabled' : 'Disabled',
              samplingRate: collector.sampling_rate,
              dataId: data,
              clientId: client_id,
            }),
          ]),
        ),
        rollingRate: collector.rolling_rate && rollingRates[collector.rolling_rate],
        requestLogging: collector.request_logging && { captureHeaders: collector.request_logging.capture_headers },
      }),
    containerResourceRequirements:
      resources &&
      present({
        containerResourceRequests: resources.requests && amountsOf(resources.requests),
        containerResourceLimits: resources.limits && amountsOf(resources.limits),
      }),
  });
  return {
    endpointComputeType: spec.type === 'kubernetes' ? 'Kubernetes' : 'Managed',
    environmentVariables: spec.environment_variables,
    ...named,
  };
}

const rollingRates = { minute: 'Minute', hour: 'Hour', day: 'Day' } as const;

function probeOf(given: z.output<typeof probe>): object {
  return present({
    initialDelay: seconds(given.initial_delay),
    period: seconds(given.period),
    timeout: seconds(given.timeout),
    successThreshold: given.success_threshold,
    failureThreshold: given.failure_threshold,
  });
}

function amountsOf({ cpu, memory, 'nvidia.com/gpu': gpu }: z.output<typeof resourceAmounts>): object {
  return present({ cpu, memory, gpu });
}

function seconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : isoSeconds(value);
}

function milliseconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : seconds(value / 1000);
}
