import type { CommandJobSpec } from '../job-file/command-job';
import type { DistributionSpec, IdentitySpec, QueueSpec, ResourcesSpec, ServicesSpec } from '../job-file/parts';
import { present } from '../../../lib/azureml/present';

/** A part of the API's JSON. */
export type Json = Readonly<Record<string, unknown>>;

export function distributionOf(distribution: DistributionSpec): Json {
  const processes = present({ processCountPerInstance: distribution.process_count_per_instance });
  switch (distribution.type) {
    case 'pytorch':
      return { distributionType: 'PyTorch', ...processes };
    case 'mpi':
      return { distributionType: 'Mpi', ...processes };
    case 'tensorflow':
      return {
        distributionType: 'TensorFlow',
        parameterServerCount: distribution.parameter_server_count ?? 0,
        ...present({ workerCount: distribution.worker_count }),
      };
    case 'ray':
      return {
        distributionType: 'Ray',
        ...present({
          port: distribution.port,
          address: distribution.address,
          includeDashboard: distribution.include_dashboard,
          dashboardPort: distribution.dashboard_port,
          headNodeAdditionalArgs: distribution.head_node_additional_args,
          workerNodeAdditionalArgs: distribution.worker_node_additional_args,
        }),
      };
  }
}

export function resourcesOf(resources: ResourcesSpec): Json {
  return present({
    instanceCount: resources.instance_count,
    instanceType: resources.instance_type,
    shmSize: resources.shm_size,
    dockerArgs: resources.docker_args,
    properties: resources.properties,
  });
}

export function commandLimitsOf({ timeout }: NonNullable<CommandJobSpec['limits']>): Json {
  return { jobLimitsType: 'Command', timeout: durationOf(timeout) };
}

/** Seconds as ISO 8601, `PT1H30M`; an expression stays what it is. */
export function durationOf(seconds: number | string): string {
  if (typeof seconds === 'string') return seconds;
  const parts = [
    [Math.floor(seconds / 3600) % 24, 'H'],
    [Math.floor(seconds / 60) % 60, 'M'],
    [seconds % 60, 'S'],
  ] as const;
  const days = Math.floor(seconds / 86_400);
  const time = parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join('');
  return `P${days > 0 ? `${days}D` : ''}${time === '' ? '' : `T${time}`}`;
}

export function identityOf(identity: IdentitySpec): Json {
  switch (identity.type) {
    case 'aml_token':
      return { identityType: 'AMLToken' };
    case 'user':
    case 'user_identity':
      return { identityType: 'UserIdentity' };
    default:
      return {
        identityType: 'Managed',
        ...present({
          clientId: identity.client_id,
          objectId: identity.object_id,
          resourceId: identity.msi_resource_id,
        }),
      };
  }
}

/** The numbers that the service knows priorities by. */
const priorities = { low: 1, medium: 2, high: 3 };

export function queueOf({ job_tier: tier, priority }: QueueSpec): Json {
  return {
    jobTier: tier.charAt(0).toUpperCase() + tier.slice(1),
    ...(priority === undefined ? {} : { priority: priorities[priority] }),
  };
}

const serviceTypes: Readonly<Record<string, string>> = {
  jupyter_lab: 'JupyterLab',
  ssh: 'SSH',
  tensor_board: 'TensorBoard',
  vs_code: 'VSCode',
  custom: 'Custom',
};

export function servicesOf(services: ServicesSpec): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(services).map(([name, service]) => {
      const properties = {
        ...service.properties,
        ...present({ sshPublicKeys: service.ssh_public_keys, logDir: service.log_dir }),
      };
      return [
        name,
        present({
          jobServiceType: service.job_service_type ?? (service.type && serviceTypes[service.type]),
          nodes: service.nodes && { nodesValueType: 'All' },
          port: service.port,
          endpoint: service.endpoint,
          properties: Object.keys(properties).length > 0 ? properties : undefined,
        }),
      ];
    }),
  );
}
