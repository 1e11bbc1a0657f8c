import { TaskError } from '../task-error';
import { nearNames } from './near-names';
import type { Workspace } from './workspace';

export type AssetKind = 'codes' | 'data' | 'models' | 'components';

const apiVersion = '2023-10-01';

/**
 * What a reference in a job file means to the service: `azureml:name:version` and `azureml:name@latest` become ARM ids,
 * an ARM id (also behind `azureml:`) and any `azureml://` URI are taken as they are.
 */
export async function assetId(workspace: Workspace, kind: AssetKind, reference: string): Promise<string> {
  if (/^azureml:\/\//.test(reference)) return reference;
  const arm = /^(?:azureml:)?(\/subscriptions\/.+)$/.exec(reference)?.[1];
  if (arm !== undefined) return arm;
  const match = /^azureml:([^:@/]+)(?::([^:@/]+)|@latest)$/.exec(reference);
  if (!match?.[1]) {
    throw new TaskError(
      `"${reference}" is not a reference to an asset: write azureml:name:version, azureml:name@latest or azureml://….`,
      { code: 'GuardianInput' },
    );
  }
  const version = match[2] ?? (await latestVersion(workspace, kind, match[1]));
  return `${workspace.id}/${kind}/${match[1]}/versions/${version}`;
}

async function latestVersion(workspace: Workspace, kind: AssetKind, name: string): Promise<string> {
  const found = await workspace.send({
    method: 'GET',
    path: `/${kind}/${name}`,
    apiVersion,
    allow: [404],
    doing: `look for the latest version of azureml:${name}`,
  });
  const { properties } = (found.body ?? {}) as { properties?: { latestVersion?: string } };
  if (found.status === 200 && properties?.latestVersion) return properties.latestVersion;
  const { body } = await workspace.send({
    method: 'GET',
    path: `/${kind}`,
    apiVersion,
    doing: `list the workspace's ${kind}`,
  });
  const names = ((body as { value?: { name?: string }[] }).value ?? []).map(item => item.name ?? '');
  throw new TaskError(
    `There is no '${name}' among the ${kind} of the workspace '${workspace.name}'. ${nearNames(name, names)}`,
    {
      code: 'GuardianNotFound',
    },
  );
}
