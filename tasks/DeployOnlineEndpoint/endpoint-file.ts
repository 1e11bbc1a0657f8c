import { z } from 'zod';
import type { NewEndpoint } from '../../lib/azureml/online-endpoints';
import { readYamlFile, strings } from '../../lib/azureml/yaml-file';

/** What an endpoint file of `az ml` names. */
export interface EndpointFile {
  readonly endpointName: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly newEndpoint: NewEndpoint;
  /** What it says and this task decides by its strategy instead. */
  readonly ignored: readonly string[];
}

/**
 * https://learn.microsoft.com/azure/machine-learning/reference-yaml-endpoint-online; for Kubernetes it names a compute.
 */
const endpoint = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  tags: strings.default({}),
  properties: strings.optional(),
  auth_mode: z.enum(['key', 'aml_token', 'aad_token']).default('key'),
  public_network_access: z.enum(['enabled', 'disabled']).default('enabled'),
  compute: z.string().optional(),
  location: z.string().optional(),
  identity: z
    .strictObject({
      type: z.enum(['system_assigned', 'user_assigned']),
      user_assigned_identities: z
        .array(z.union([z.string(), z.strictObject({ resource_id: z.string() }).transform(one => one.resource_id)]))
        .max(1, 'Azure takes one identity at most')
        .optional(),
    })
    .optional(),
  traffic: z.record(z.string(), z.number()).optional(),
  mirror_traffic: z.record(z.string(), z.number()).optional(),
});

const authModes = { key: 'Key', aml_token: 'AMLToken', aad_token: 'AADToken' } as const;

/** @throws TaskError that names every problem with its line */
export function readEndpointFile(path: string): EndpointFile {
  const file = readYamlFile(path, 'endpointFile');
  const spec = file.check(endpoint, file.plain(), [], 'an online endpoint');
  return {
    endpointName: spec.name,
    tags: spec.tags,
    newEndpoint: {
      authMode: authModes[spec.auth_mode],
      publicNetworkAccess: spec.public_network_access === 'enabled' ? 'Enabled' : 'Disabled',
      userAssignedIdentity: spec.identity?.user_assigned_identities?.[0],
      compute: spec.compute?.replace(/^azureml:/, ''),
      description: spec.description,
      properties: spec.properties,
    },
    ignored: Object.entries({ traffic: spec.traffic, mirror_traffic: spec.mirror_traffic })
      .filter(([, shares]) => shares !== undefined && Object.keys(shares).length > 0)
      .map(([name]) => name),
  };
}
