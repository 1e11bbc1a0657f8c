import { notFound, userError } from '../arm/arm-error';
import { sameName } from '../arm/arm-scope';
import { storageSuffix } from '../blob/blob-proxy';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { isInRegistry } from './asset-reference';
import { artifactContainer } from '../workspace/datastores';

/** Where a job's files lie in the artifact store; ends with a slash. */
export function artifactPrefix(job: string): string {
  return `ExperimentRun/dcid.${job}/`;
}

/** A place with the datastore form of its URI and, where it was named by a job, that job. */
export interface ResolvedUri {
  place: BlobPlace;
  /** `azureml://subscriptions/…/datastores/{d}/paths/{p}`, or the https URL itself for a container behind no datastore. */
  uri: string;
  jobName?: string;
}

/** What `resolveDataUri` must know of a job: the places of its named outputs. Undefined when there is no such job. */
export type JobOutputs = (job: string) => { outputs: Record<string, BlobPlace> } | undefined;

/**
 * Finds the blobs that a URI means: `azureml://[subscriptions/…/]datastores/{d}/paths/{p}`, `azureml://jobs/{job}/outputs/{output}/paths/{p}`
 * (output `artifacts` or `default` = the default artifact store), `runs:/{run}/{p}`, an https URL of this storage account.
 * @throws ArmError for any other form, an unknown datastore, job or output
 */
export function resolveDataUri(uri: string, context: AzureContext, jobs: JobOutputs): ResolvedUri {
  const { identity } = context;
  const datastore =
    /^azureml:\/\/(?:subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/(?:providers\/Microsoft\.MachineLearningServices\/)?workspaces\/([^/]+)\/)?datastores\/([^/]+)\/(?:paths\/)?(.*)$/i.exec(
      uri,
    );
  if (datastore) {
    const [, subscription, group, workspace, name = '', path = ''] = datastore;
    if (
      (subscription !== undefined && !sameName(subscription, identity.subscriptionId)) ||
      (group !== undefined && !sameName(group, identity.resourceGroup)) ||
      (workspace !== undefined && !sameName(workspace, identity.workspace))
    ) {
      throw userError(`The URI ${uri} points outside the workspace ${identity.workspace}.`);
    }
    const container = context.datastores.containerOf(name);
    if (container === undefined) throw notFound(`Could not find datastore ${name}, named by ${uri}.`);
    return inDatastore(context, { container, path });
  }
  const ofJob = /^azureml:\/\/jobs\/([^/]+)\/outputs\/([^/]+)(?:\/paths\/(.*))?$/i.exec(uri);
  if (ofJob) {
    const [, job = '', output = '', path = ''] = ofJob;
    return inJob(uri, job, output, path, context, jobs);
  }
  const ofRun = /^runs:\/+([^/]+)\/?(.*)$/i.exec(uri);
  if (ofRun) {
    const [, run = '', path = ''] = ofRun;
    return inJob(uri, run, 'artifacts', path, context, jobs);
  }
  const place = context.blobs.locate(uri);
  if (place) return inDatastore(context, place);
  throw userError(
    `The URI ${uri} is not supported. Give azureml://datastores/{name}/paths/{path}, azureml://jobs/{job}/outputs/{output}/paths/{path}, runs:/{run}/{path}, or a blob URL of the workspace's storage account.`,
  );
}

/** The URI form under which Azure ML keeps a place. */
export function datastoreUri(context: AzureContext, place: BlobPlace): string {
  const { identity } = context;
  const name = context.datastores.nameOf(place.container);
  const url = context.blobs.blobUrl(place.container, place.path);
  if (isInRegistry(context.workspaceArmId)) {
    // With the account in the host: of a registry's URLs azure-ai-ml takes what follows the first folder for the path in the container.
    const { account } = context.blobs;
    return `https://${account.name}.blob.${storageSuffix}${new URL(url).pathname.slice(account.name.length + 1)}`;
  }
  if (name === undefined) return url;
  return `azureml://subscriptions/${identity.subscriptionId}/resourceGroups/${identity.resourceGroup}/workspaces/${identity.workspace}/datastores/${name}/paths/${place.path}`;
}

function inJob(
  uri: string,
  job: string,
  output: string,
  path: string,
  context: AzureContext,
  jobs: JobOutputs,
): ResolvedUri {
  const found = jobs(job);
  if (!found) throw notFound(`Could not find job ${job}, named by ${uri}.`);
  if (output === 'artifacts' || output === 'default') {
    return {
      ...inDatastore(context, { container: artifactContainer, path: artifactPrefix(job) + path }),
      jobName: job,
    };
  }
  const place = found.outputs[output];
  if (!place) throw userError(`The job ${job} has no output ${output}, named by ${uri}.`);
  const base = place.path.endsWith('/') || place.path === '' ? place.path : `${place.path}/`;
  return { ...inDatastore(context, { container: place.container, path: base + path }), jobName: job };
}

function inDatastore(context: AzureContext, place: BlobPlace): ResolvedUri {
  return { place, uri: datastoreUri(context, place) };
}

/** Whether two places are one; a slash at the end does not count. */
export function samePlace(a: BlobPlace, b: BlobPlace): boolean {
  return a.container === b.container && a.path.replace(/\/+$/, '') === b.path.replace(/\/+$/, '');
}
