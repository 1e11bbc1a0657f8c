import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { AzureContext } from '../context';
import type { JobRecord } from '../jobs/job-record';
import type { CommandRequest } from '../jobs/job-request';
import { isoDurationSeconds } from './iso-duration';
import type { NodePython } from './job-python';

/** A job without a limit of its own may run a week; then its token ends. */
const defaultTokenSeconds = 7 * 24 * 3600;

/** Variables of this process that a program needs to run at all or to reach the internet; nothing else is handed on. */
const handedOn = [
  'LANG',
  'LC_ALL',
  'TZ',
  'HOME',
  'USER',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'http_proxy',
  'https_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

/** Where systems keep the certificates that they trust. */
const systemCertificates = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

/** The environment that all processes of a job share: what Azure ML sets, the job's own variables, and the little that every program needs. */
export async function jobEnvironment(o: {
  job: JobRecord;
  request: CommandRequest;
  context: AzureContext;
  experimentId: string;
  /** The topmost job: itself, or the sweep or pipeline. */
  rootRun: string;
  literals: Record<string, string>;
  inputPaths: Record<string, string>;
  outputPaths: Record<string, string>;
  python: NodePython;
  temporaryFolder: string;
}): Promise<Record<string, string>> {
  const { job, request, context } = o;
  const { identity, baseUrl, workspaceArmId } = context;
  const limit = request.limits?.timeout ? isoDurationSeconds(request.limits.timeout) : undefined;
  const tokenSeconds = limit === undefined ? defaultTokenSeconds : Math.ceil(limit) + 600;
  const token = await context.directory.jobToken(job.name, tokenSeconds);
  const inherited = Object.fromEntries(
    handedOn.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ) as Record<string, string>;
  return {
    ...inherited,
    PATH: [o.python.binDir, process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter),
    TMPDIR: o.temporaryFolder,
    // A proxy cannot reach this machine's loopback.
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    AZUREML_RUN_ID: job.name,
    AZUREML_ROOT_RUN_ID: o.rootRun,
    AZUREML_RUN_TOKEN: token,
    AZUREML_RUN_TOKEN_EXPIRY: String(Math.floor(Date.now() / 1000) + tokenSeconds),
    AZUREML_EXPERIMENT_ID: o.experimentId,
    AZUREML_EXPERIMENT_SCOPE: `${workspaceArmId}/experiments/${request.experimentName}`,
    AZUREML_WORKSPACE_SCOPE: workspaceArmId,
    AZUREML_ARM_SUBSCRIPTION: identity.subscriptionId,
    AZUREML_ARM_RESOURCEGROUP: identity.resourceGroup,
    AZUREML_ARM_WORKSPACE_NAME: identity.workspace,
    AZUREML_ARM_PROJECT_NAME: request.experimentName,
    AZUREML_WORKSPACE_ID: identity.workspaceId,
    AZUREML_SERVICE_ENDPOINT: baseUrl,
    AZUREML_RUN_HISTORY_SERVICE_ENDPOINT: baseUrl,
    AZUREML_DISCOVERY_SERVICE_ENDPOINT: `${baseUrl}/discovery`,
    AZUREML_NODE_COUNT: String(request.resources.instanceCount),
    AZ_BATCHAI_JOB_TEMP: o.temporaryFolder,
    ...tracking(o, token),
    ...withPrefix('AZUREML_PARAMETER_', o.literals),
    ...withPrefix('AZURE_ML_INPUT_', o.inputPaths),
    ...withPrefix('AZURE_ML_OUTPUT_', o.outputPaths),
    ...o.python.environment,
    ...request.environmentVariables,
  };
}

/**
 * How MLflow finds its server. Azure ML sets an azureml:// address, which only the plug-in azureml-mlflow understands: a job whose Python has it gets
 * that form, with what the plug-in needs to find this cloud and to trust it; others get the same server as a plain https address.
 */
function tracking(
  { job, request, context, experimentId, python, temporaryFolder }: Parameters<typeof jobEnvironment>[0],
  token: string,
): Record<string, string> {
  const { baseUrl, workspaceArmId, certificate } = context;
  const common = {
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_RUN_ID: job.name,
    MLFLOW_EXPERIMENT_ID: experimentId,
    MLFLOW_EXPERIMENT_NAME: request.experimentName,
  };
  if (!hasAzureMlPlugin(python.binDir)) {
    return {
      ...common,
      MLFLOW_TRACKING_URI: `${baseUrl}/mlflow/v1.0${workspaceArmId}`,
      MLFLOW_TRACKING_SERVER_CERT_PATH: certificate.caFile,
    };
  }
  const bundle = join(temporaryFolder, 'trusted.pem');
  const trusted = [process.env.SSL_CERT_FILE, ...systemCertificates].find(
    file => file !== undefined && existsSync(file),
  );
  writeFileSync(bundle, `${trusted === undefined ? '' : readFileSync(trusted, 'utf8')}\n${certificate.ca}`);
  return {
    ...common,
    MLFLOW_TRACKING_URI: `azureml://${new URL(baseUrl).host}/mlflow/v1.0${workspaceArmId}`,
    ARM_CLOUD_METADATA_URL: `${baseUrl}/metadata/endpoints?api-version=2019-05-01`,
    AZUREML_CURRENT_CLOUD: 'GuardianLocalCloud',
    REQUESTS_CA_BUNDLE: bundle,
  };
}

/** Whether the Python of that folder of programs has azureml-mlflow among its own packages. */
function hasAzureMlPlugin(binDir: string): boolean {
  const libraries = join(dirname(binDir), 'lib');
  if (!existsSync(libraries)) return false;
  return readdirSync(libraries).some(
    name => name.startsWith('python3') && existsSync(join(libraries, name, 'site-packages', 'azureml', 'mlflow')),
  );
}

function withPrefix(prefix: string, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}
