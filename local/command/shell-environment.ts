import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LocalDescription } from '../description';

/** What `ARM_CLOUD_METADATA_URL` calls this cloud. */
const cloudName = 'GuardianLocalCloud';

/**
 * The settings with which official clients find this Azure, each client's own: az, the Python SDK, azure-identity, mlflow, kubectl, Node.js.
 * The Python SDK and az build blob addresses with the account in the host, which only the proxy on local Azure's own port can reach; that
 * proxy refuses every other host.
 */
export function clientEnvironment(d: LocalDescription): Record<string, string> {
  return {
    ARM_CLOUD_METADATA_URL: `${d.arm}/metadata/endpoints?api-version=2019-05-01`,
    AZURE_AUTHORITY_HOST: d.authority,
    AZURE_TENANT_ID: d.tenantId,
    AZURE_CLIENT_ID: d.clientId,
    AZURE_CLIENT_SECRET: d.clientSecret,
    AZURE_SUBSCRIPTION_ID: d.subscriptionId,
    AZURE_RESOURCE_GROUP: d.resourceGroup,
    AZURE_WORKSPACE: d.workspace,
    AZURE_ARM: d.arm,
    // The caller's own `az login` stays as it is.
    AZURE_CONFIG_DIR: join(dirname(d.kubeconfig), 'azure-cli'),
    AZURE_CORE_INSTANCE_DISCOVERY: 'false',
    AZUREML_CURRENT_CLOUD: cloudName,
    // azure-ai-ml finds registries so: the metadata of a cloud does not name their address.
    REGISTRY_DISCOVERY_ENDPOINT_URL: `${d.arm}/`,
    MLFLOW_TRACKING_URI: d.mlflow,
    KUBECONFIG: d.kubeconfig,
    REQUESTS_CA_BUNDLE: d.ca,
    SSL_CERT_FILE: d.ca,
    NODE_EXTRA_CA_CERTS: d.ca,
    HTTPS_PROXY: d.arm,
    NO_PROXY: '127.0.0.1,localhost',
  };
}

/** Writes `environment` beside the kubeconfig, for the `.` of a shell; only its owner can read it. @returns the file */
export function writeShellEnvironment(description: LocalDescription): string {
  const file = join(dirname(description.kubeconfig), 'environment');
  const lines = Object.entries(clientEnvironment(description)).map(
    ([name, value]) => `export ${name}=${quoted(value)}`,
  );
  writeFileSync(`${file}.tmp`, `# Made by npm run local at each start.\n${lines.join('\n')}\n`, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
  return file;
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
