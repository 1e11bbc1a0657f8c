import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { parse, stringify } from 'yaml';
import { ArmError } from './arm/arm-error';
import { queryValue, sameName } from './arm/arm-scope';
import { resourceList } from './arm/resource-list';
import type { AzureContext } from './context';

export const managedClustersPath =
  '/subscriptions/:subscriptionId/resourceGroups/:resourceGroup/providers/Microsoft.ContainerService/managedClusters';

/** The AKS server application of Entra ID. https://azure.github.io/kubelogin/concepts/aks.html */
const serverApplication = '6dae42f8-4368-4678-94ff-3960e28e3630';

/** Both are the local Kubernetes: one with local accounts, one that knows users of Entra ID only. */
const clusters = [
  { name: 'guardian-aks', entraOnly: false },
  { name: 'guardian-aks-entra', entraOnly: true },
];

/** The clusters of the subscription; `app` is its scope. https://learn.microsoft.com/rest/api/aks/managed-clusters/list */
export function registerManagedClusterList(app: FastifyInstance, context: AzureContext): void {
  app.get('/providers/Microsoft.ContainerService/managedClusters', request =>
    resourceList(clusters, request, context.baseUrl, item => resource(item, context)),
  );
}

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data'?: string } }[];
  users: { user: { token?: string } }[];
}

/**
 * The clusters of AKS in the resource group, and their kubeconfigs. `app` is the scope of managedClustersPath.
 * https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
 */
export function registerManagedClusters(app: FastifyInstance, context: AzureContext): void {
  app.get('/', request => resourceList(clusters, request, context.baseUrl, item => resource(item, context)));
  app.get<{ Params: { name: string } }>('/:name', request => resource(find(request.params.name, context), context));
  app.post<{ Params: { name: string } }>('/:name/listClusterUserCredential', request => {
    const cluster = find(request.params.name, context);
    const exec = queryValue(request, 'format')?.toLowerCase() === 'exec';
    const user = cluster.entraOnly ? (exec ? kubelogin() : azureProvider(context)) : undefined;
    return credentials('clusterUser', cluster.name, context, user);
  });
  app.post<{ Params: { name: string } }>('/:name/listClusterAdminCredential', request => {
    const cluster = find(request.params.name, context);
    if (cluster.entraOnly) {
      throw new ArmError(
        400,
        'BadRequest',
        'Getting static credential is not allowed because this cluster is set to disable local accounts.',
      );
    }
    return credentials('clusterAdmin', cluster.name, context, undefined);
  });
}

function find(name: string, context: AzureContext): (typeof clusters)[number] {
  const found = clusters.find(cluster => sameName(cluster.name, name));
  if (found) return found;
  throw new ArmError(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.ContainerService/managedClusters/${name}' under resource group '${context.identity.resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

/** @param user in place of the local account that the kubeconfig of local Kubernetes has */
function credentials(
  kind: 'clusterUser' | 'clusterAdmin',
  cluster: string,
  context: AzureContext,
  user: object | undefined,
): object {
  const local = parse(readFileSync(join(context.stateDir, 'kubeconfig'), 'utf8')) as Kubeconfig;
  const name = `${kind}_${context.identity.resourceGroup}_${cluster}`;
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: local.clusters[0]?.cluster }],
    users: [{ name, user: user ?? local.users[0]?.user }],
    contexts: [{ name: cluster, context: { cluster, user: name } }],
    'current-context': cluster,
  };
  return { kubeconfigs: [{ name: kind, value: Buffer.from(stringify(kubeconfig)).toString('base64') }] };
}

function kubelogin(): object {
  return {
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      command: 'kubelogin',
      args: [
        'get-token',
        '--environment',
        'AzurePublicCloud',
        '--server-id',
        serverApplication,
        '--login',
        'devicecode',
      ],
      provideClusterInfo: false,
      env: null,
    },
  };
}

function azureProvider({ identity }: AzureContext): object {
  const config = { 'apiserver-id': serverApplication, 'config-mode': '1', 'tenant-id': identity.tenantId };
  return { 'auth-provider': { name: 'azure', config: { ...config, environment: 'AzurePublicCloud' } } };
}

function resource({ name, entraOnly }: (typeof clusters)[number], context: AzureContext): object {
  const { subscriptionId, resourceGroup, region, tenantId } = context.identity;
  return {
    id: `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerService/managedClusters/${name}`,
    name,
    type: 'Microsoft.ContainerService/ManagedClusters',
    location: region,
    tags: {},
    properties: {
      provisioningState: 'Succeeded',
      powerState: { code: 'Running' },
      enableRBAC: true,
      disableLocalAccounts: entraOnly,
      ...(entraOnly ? { aadProfile: { managed: true, enableAzureRBAC: false, tenantID: tenantId } } : {}),
    },
  };
}
