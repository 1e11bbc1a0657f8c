import { readFileSync } from 'node:fs';
import { az } from './az';
import type { Connection, Surroundings } from './connection';
import { UsageError } from './usage-error';

/** How the command line signs in, as flags say it; what they leave out comes from the environment and from az. */
export interface LoginFlags {
  readonly login?: Login | undefined;
  readonly subscription?: string | undefined;
  readonly cloud?: string | undefined;
  readonly armUrl?: string | undefined;
  readonly authority?: string | undefined;
}

export const logins = ['azure-cli', 'service-principal', 'managed-identity'] as const;
export type Login = (typeof logins)[number];

interface Cloud {
  readonly name: string;
  /** Azure Resource Manager. */
  readonly arm: string;
  /** Where tokens come from. */
  readonly authority: string;
  /** Audience of the tokens for Resource Manager; its address unless given. */
  readonly audience?: string | undefined;
}

/** https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure and .../azure/china/resources-developer-guide */
export const clouds: readonly Cloud[] = [
  { name: 'AzureCloud', arm: 'https://management.azure.com', authority: 'https://login.microsoftonline.com' },
  {
    name: 'AzureUSGovernment',
    arm: 'https://management.usgovcloudapi.net',
    authority: 'https://login.microsoftonline.us',
  },
  { name: 'AzureChinaCloud', arm: 'https://management.chinacloudapi.cn', authority: 'https://login.chinacloudapi.cn' },
];

/**
 * The caller's own way into Azure as the service connection that a task takes: a service principal by the variables
 * AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH of the Azure SDKs where they
 * are set, else the login of the Azure CLI; a managed identity where the flags ask for it.
 */
export async function azureLogin(flags: LoginFlags, surroundings: Surroundings): Promise<Connection> {
  const { env } = surroundings;
  const login = flags.login ?? (hasServicePrincipal(env) ? 'service-principal' : 'azure-cli');
  const cloud = await cloudOf(flags, login, surroundings);
  const subscription = await subscriptionOf(flags, login, surroundings);
  const data = {
    subscriptionId: subscription.id,
    environment: cloud.name,
    environmentAuthorityUrl: cloud.authority,
    ...(cloud.audience ? { activeDirectoryServiceEndpointResourceId: cloud.audience } : {}),
  };
  const connection = { id: 'c0a8e7d2-5b1f-4e36-9c47-1d2a6f8b3e01', url: cloud.arm, data };
  switch (login) {
    case 'service-principal':
      return { ...connection, scheme: 'ServicePrincipal', parameters: servicePrincipal(env) };
    case 'managed-identity': {
      const clientId = env['AZURE_CLIENT_ID'];
      return {
        ...connection,
        data: { ...data, ...(clientId ? { msiclientId: clientId } : {}) },
        scheme: 'ManagedServiceIdentity',
        parameters: {},
      };
    }
    case 'azure-cli':
      return { ...connection, scheme: 'AzureCli', parameters: { tenantid: subscription.tenantId ?? '' } };
  }
}

function hasServicePrincipal(env: Surroundings['env']): boolean {
  return Boolean(
    env['AZURE_TENANT_ID'] &&
    env['AZURE_CLIENT_ID'] &&
    (env['AZURE_CLIENT_SECRET'] || env['AZURE_CLIENT_CERTIFICATE_PATH']),
  );
}

function servicePrincipal(env: Surroundings['env']): Record<string, string> {
  const [tenant, client] = [env['AZURE_TENANT_ID'], env['AZURE_CLIENT_ID']];
  const [secret, certificate] = [env['AZURE_CLIENT_SECRET'], env['AZURE_CLIENT_CERTIFICATE_PATH']];
  if (!tenant || !client || !(secret || certificate))
    throw new UsageError(
      'To sign in as a service principal set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH.',
    );
  const who = { tenantid: tenant, serviceprincipalid: client };
  if (secret) return { ...who, authenticationType: 'spnKey', serviceprincipalkey: secret };
  if (env['AZURE_CLIENT_CERTIFICATE_PASSWORD'])
    throw new UsageError('A certificate with a password is not supported: give a PEM file without one.');
  return { ...who, authenticationType: 'spnCertificate', servicePrincipalCertificate: pemOf(certificate ?? '') };
}

function pemOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`AZURE_CLIENT_CERTIFICATE_PATH: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** By the flags, by the cloud that ARM_CLOUD_METADATA_URL describes (as for az and the Python SDK), by what az is set to. */
async function cloudOf(flags: LoginFlags, login: Login, surroundings: Surroundings): Promise<Cloud> {
  const given = await givenCloud(flags, login, surroundings);
  return {
    name: given.name,
    arm: flags.armUrl ?? given.arm,
    authority: flags.authority ?? given.authority,
    audience: flags.armUrl === undefined ? given.audience : undefined,
  };
}

async function givenCloud(
  { cloud, armUrl, authority }: LoginFlags,
  login: Login,
  surroundings: Surroundings,
): Promise<Cloud> {
  const { env } = surroundings;
  if (cloud !== undefined) {
    const known = clouds.find(one => one.name.toLowerCase() === cloud.toLowerCase());
    if (!known)
      throw new UsageError(
        `--cloud is "${cloud}", but must be ${clouds.map(({ name }) => name).join(', ')}; for another one give --arm-url and --authority.`,
      );
    return known;
  }
  if (armUrl !== undefined && authority !== undefined) return { name: 'OwnCloud', arm: armUrl, authority };
  const metadata = env['ARM_CLOUD_METADATA_URL'];
  if (metadata) return await describedCloud(metadata, env['AZUREML_CURRENT_CLOUD']);
  if (login === 'azure-cli') return await cloudOfAz(surroundings);
  const host = env['AZURE_AUTHORITY_HOST'] || 'login.microsoftonline.com';
  const known = clouds.find(
    one => one.authority === (host.includes('://') ? host.replace(/\/+$/, '') : `https://${host}`),
  );
  if (!known)
    throw new UsageError(
      `AZURE_AUTHORITY_HOST is ${host}, which is no cloud known here: give --arm-url and --authority.`,
    );
  return known;
}

interface CloudMetadata {
  name?: string;
  resourceManager?: string;
  authentication?: { loginEndpoint?: string; audiences?: string[] };
}

/** `GET /metadata/endpoints` of Azure Resource Manager, which names the addresses of a cloud. */
async function describedCloud(url: string, name: string | undefined): Promise<Cloud> {
  const failed = (why: string): UsageError =>
    new UsageError(`ARM_CLOUD_METADATA_URL (${url}) describes no cloud: ${why}`);
  const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) }).catch((error: unknown) => {
    const cause = (error as { cause?: { message?: string } }).cause?.message;
    throw failed(cause ?? (error instanceof Error ? error.message : String(error)));
  });
  if (!answer.ok) throw failed(`it answered ${answer.status}.`);
  const body = (await answer.json().catch(() => [])) as CloudMetadata | CloudMetadata[];
  const all = Array.isArray(body) ? body : [body];
  const found = all.find(one => one.name === name) ?? all[0];
  const [arm, authority] = [found?.resourceManager, found?.authentication?.loginEndpoint];
  if (!found || !arm || !authority) throw failed('its answer names no resourceManager or loginEndpoint.');
  return { name: found.name ?? 'OwnCloud', arm, authority, audience: found.authentication?.audiences?.[0] };
}

interface AzCloud {
  name: string;
  endpoints: { resourceManager: string; activeDirectory: string; activeDirectoryResourceId?: string };
}

async function cloudOfAz(surroundings: Surroundings): Promise<Cloud> {
  const { name, endpoints } = (await az(['cloud', 'show'], surroundings)) as AzCloud;
  return {
    name,
    arm: endpoints.resourceManager,
    authority: endpoints.activeDirectory,
    audience: endpoints.activeDirectoryResourceId,
  };
}

async function subscriptionOf(
  flags: LoginFlags,
  login: Login,
  surroundings: Surroundings,
): Promise<{ id: string; tenantId?: string }> {
  const given = flags.subscription ?? surroundings.env['AZURE_SUBSCRIPTION_ID'];
  if (login === 'azure-cli')
    return (await az(['account', 'show', ...(given ? ['--subscription', given] : [])], surroundings)) as {
      id: string;
      tenantId?: string;
    };
  if (!given) throw new UsageError('Say which subscription: --subscription, or AZURE_SUBSCRIPTION_ID.');
  return { id: given };
}
