import { delimiter } from 'node:path';
import { isoDurationSeconds } from './iso-duration';
import type { AzureContext } from '../context';
import type { JobRecord } from '../jobs/job-record';

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

/** The complete environment of a job's process: what Azure ML sets, the job's own variables, and the little that every program needs. */
export async function jobEnvironment(o: {
  job: JobRecord;
  context: AzureContext;
  experimentId: string;
  inputPaths: Record<string, string>;
  outputPaths: Record<string, string>;
  /** Folder with the job's python. */
  pythonBin: string;
  temporaryFolder: string;
}): Promise<NodeJS.ProcessEnv> {
  const { job, context } = o;
  const { identity, baseUrl, workspaceArmId } = context;
  const limit = job.request.limits?.timeout ? isoDurationSeconds(job.request.limits.timeout) : undefined;
  const token = await context.directory.jobToken(
    job.name,
    limit === undefined ? defaultTokenSeconds : Math.ceil(limit) + 600,
  );
  const inherited = Object.fromEntries(
    handedOn.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  return {
    ...inherited,
    PATH: [o.pythonBin, process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter),
    TMPDIR: o.temporaryFolder,
    // A proxy cannot reach this machine's loopback.
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    AZUREML_RUN_ID: job.name,
    AZUREML_ROOT_RUN_ID: job.name,
    AZUREML_RUN_TOKEN: token,
    AZUREML_EXPERIMENT_ID: o.experimentId,
    AZUREML_EXPERIMENT_SCOPE: `${workspaceArmId}/experiments/${job.request.experimentName}`,
    AZUREML_ARM_SUBSCRIPTION: identity.subscriptionId,
    AZUREML_ARM_RESOURCEGROUP: identity.resourceGroup,
    AZUREML_ARM_WORKSPACE_NAME: identity.workspace,
    AZUREML_ARM_PROJECT_NAME: job.request.experimentName,
    AZUREML_WORKSPACE_ID: identity.workspaceId,
    AZUREML_SERVICE_ENDPOINT: baseUrl,
    AZUREML_DISCOVERY_SERVICE_ENDPOINT: `${baseUrl}/discovery`,
    MLFLOW_TRACKING_URI: `${baseUrl}/mlflow/v1.0${workspaceArmId}`,
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_TRACKING_SERVER_CERT_PATH: context.certificate.caFile,
    MLFLOW_RUN_ID: job.name,
    MLFLOW_EXPERIMENT_ID: o.experimentId,
    MLFLOW_EXPERIMENT_NAME: job.request.experimentName,
    ...withPrefix('AZURE_ML_INPUT_', o.inputPaths),
    ...withPrefix('AZURE_ML_OUTPUT_', o.outputPaths),
    ...job.request.environmentVariables,
  };
}

function withPrefix(prefix: string, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}
