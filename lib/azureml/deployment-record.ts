import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { owner, tag, tagValueLimit, type Tags } from '../release/tags';
import { deploymentPath, type DeploymentBody } from './online-deployments';
import { findEnvironment } from './environments';
import { digestOf, getModel } from './models';
import { writableIdentity } from './online-endpoints';
import type { Workspace } from './workspace';
import { TaskError } from '../task-error';

/** What a deployment is made of, so that it can be made again when it is gone. */
export type DeploymentRecord = DeploymentBody;

const apiVersion = '2023-10-01';

/** Ours that say what the deployment is doing at the moment rather than what it is. */
const momentary: readonly string[] = [tag.role, tag.revision, tag.rejected, tag.changeBuild];

/**
 * The tags that record what these deployments are made of. Somebody else's, one that cannot be read and one that is too
 * long for the tags have none: a change of traffic does not fail for the sake of its record.
 */
export async function deploymentRecords(
  workspace: Workspace,
  endpoint: string,
  names: readonly string[],
): Promise<Tags> {
  const found = await Promise.all(
    names.map(async name => {
      const path = deploymentPath({ endpoint, name });
      const doing = `read the deployment '${name}'`;
      const read = workspace.send({ method: 'GET', path, apiVersion, allow: [404], doing });
      const answer = await read.catch((error: unknown) => {
        if (error instanceof TaskError) return undefined;
        throw error;
      });
      const resource = answer?.status === 200 ? (answer.body as DeploymentRecord) : undefined;
      return resource?.tags[tag.owner] === owner ? partsOf(name, encode(resource, workspace.id)) : [];
    }),
  );
  return Object.fromEntries(found.flat());
}

/** What is recorded of a deployment, or undefined. */
export function readRecord(workspace: Workspace, endpointTags: Tags, name: string): DeploymentRecord | undefined {
  const first = `${tag.deployment}.${name}`;
  let text = endpointTags[first] ?? '';
  for (let part = 2; endpointTags[`${first}.${part}`]; part++) text += endpointTags[`${first}.${part}`] ?? '';
  if (!text.startsWith(form)) return undefined;
  try {
    const json = inflateRawSync(Buffer.from(text.slice(form.length), 'base64url'), { dictionary }).toString();
    return JSON.parse(json.replaceAll('~/', `${workspace.id}/`)) as DeploymentRecord;
  } catch {
    // Cut or changed by somebody's hand.
    return undefined;
  }
}

/** Why a deployment cannot be made again as it was, or undefined when it can; and the reason for which its model was rejected. */
export async function checkRecord(
  workspace: Workspace,
  { tags, properties }: DeploymentRecord,
): Promise<{ problem: string | undefined; rejected: string | undefined }> {
  const own = (kind: string, id = ''): string[] | undefined =>
    id.startsWith(`${workspace.id}/${kind}/`)
      ? id.slice(`${workspace.id}/${kind}/`.length).split('/versions/')
      : undefined;
  // Assets of a registry cannot be changed, and are looked for when the deployment is made.
  const [model, modelVersion] = own('models', properties.model) ?? [];
  const [environment, version] = own('environments', properties.environmentId) ?? [];
  const [found, hasEnvironment] = await Promise.all([
    model && modelVersion ? getModel(workspace, model, modelVersion) : undefined,
    environment && version ? findEnvironment(workspace, environment, version) : 'elsewhere',
  ]);
  const rejected = found?.tags[tag.rejected];
  const name = `${model ?? ''}:${modelVersion ?? ''}`;
  if (model && !found) return { problem: `model ${name} is gone`, rejected };
  const digest = found && digestOf(found);
  if (found && tags[tag.digest] && digest !== tags[tag.digest]) {
    return { problem: `model ${name} is no longer what it was (digest ${digest ?? 'missing'})`, rejected };
  }
  const problem = hasEnvironment ? undefined : `environment ${environment ?? ''}:${version ?? ''} is gone`;
  return { problem, rejected };
}

function encode(resource: DeploymentRecord, workspaceId: string): string {
  const { sku, kind, identity, tags, properties } = resource;
  const { properties: bag = {}, ...content } = properties;
  const written = Object.entries(bag as object).filter(([name]) => name !== 'AzureAsyncOperationUri');
  const record = {
    sku,
    kind,
    identity: identity?.type ? writableIdentity(identity) : undefined,
    tags: Object.fromEntries(Object.entries(tags).filter(([name]) => !momentary.includes(name))),
    properties: {
      ...content,
      // Only Azure writes it.
      provisioningState: undefined,
      ...(written.length > 0 ? { properties: Object.fromEntries(written) } : {}),
    },
  };
  const json = JSON.stringify(record, (_key, value: unknown) => (value === null ? undefined : value));
  const text = json.replaceAll(`${workspaceId}/`, '~/');
  return form + deflateRawSync(Buffer.from(text), { dictionary, level: 9 }).toString('base64url');
}

/** A record that is longer is not kept: an endpoint has room for few tags. */
const mostParts = 4;

function partsOf(name: string, text: string): [string, string][] {
  const parts = text.match(new RegExp(`.{1,${tagValueLimit}}`, 'g')) ?? [];
  if (parts.length > mostParts) return [];
  return parts.map((part, at) => [`${tag.deployment}.${name}${at === 0 ? '' : `.${at + 1}`}`, part]);
}

/** Names the dictionary, which therefore never changes: a better one gets another number. */
const form = '1.';

/** What is in most records, so that one fits into one tag. */
const dictionary = Buffer.from(
  '"appInsightsEnabled":false,"egressPublicNetworkAccess":"Enabled","scaleSettings":{"scaleType":"TargetUtilization","pollingInterval":"PT5S"' +
    '{"sku":{"name":"Default","capacity":1},"kind":"Managed","tags":{"guardian.owner":"guardian-mlops","guardian.model":"","guardian.digest":""},' +
    '"properties":{"endpointComputeType":"Managed","model":"~/models//versions/1","environmentId":"~/environments/guardian-scoring-runtime/versions/",' +
    '"environmentVariables":{"GUARDIAN_MODEL_NAME":"","GUARDIAN_MODEL_VERSION":"1","GUARDIAN_MODEL_DIGEST":""},"instanceType":"Standard_DS3_v2",' +
    '"livenessProbe":{"initialDelay":"PT10S","period":"PT10S","timeout":"PT2S","failureThreshold":30,"successThreshold":1},' +
    '"readinessProbe":{"failureThreshold":30,"successThreshold":1,"timeout":"PT2S","period":"PT10S","initialDelay":"PT10S"},' +
    '"requestSettings":{"requestTimeout":"PT5S","maxConcurrentRequestsPerInstance":4,"maxQueueWait":"PT0.5S"},"scaleSettings":{"scaleType":"Default"}}}',
);
