import { assetId, type AssetKind } from '../../../lib/azureml/assets';
import { anonymousComponent, type ComponentVersion } from '../../../lib/azureml/components';
import { computeId } from '../../../lib/azureml/computes';
import {
  plannedEnvironments,
  workspaceEnvironments,
  type EnvironmentAssets,
} from '../../../lib/azureml/environment-spec';
import { uploadCode, uploadData } from '../../../lib/azureml/upload';
import type { Workspace } from '../../../lib/azureml/workspace';
import type { TaskHost } from '../../../lib/host/task-host';

/** Turns what a job names, or brings along, into what the service can reach. */
export interface JobAssets extends References, Uploads, EnvironmentAssets {}

/** What is in the workspace. Each is checked as far as the service would not do it at submission. */
interface References {
  /** ARM id of a compute that can take a job of so many nodes. */
  compute(reference: string, nodes: number): Promise<string>;
  /** ARM id or URI of any other asset. */
  asset(kind: AssetKind, reference: string): Promise<string>;
  /** ARM id of a datastore. */
  datastore(reference: string): string;
}

/** What is sent to the workspace. */
interface Uploads {
  /** ARM id of a code asset. */
  code(folder: string): Promise<string>;
  /** URI of a file or folder. */
  data(path: string): Promise<string>;
  /** ARM id of a component version of this job alone. */
  component(component: ComponentVersion): Promise<string>;
}

export function workspaceAssets(workspace: Workspace, host: TaskHost): JobAssets {
  const environments = workspaceEnvironments(workspace, host);
  return {
    ...references(workspace),
    namedEnvironment: once(reference => environments.namedEnvironment(reference)),
    buildContext: once(folder => environments.buildContext(folder)),
    environment: once(environment => environments.environment(environment)),
    code: once(folder => uploadCode(workspace, folder, host)),
    data: once(async path => (await uploadData(workspace, path, host)).uri),
    component: once(component => anonymousComponent(workspace, component)),
  };
}

/** In plan mode nothing is uploaded and a marker stands in its place. */
export function plannedAssets(workspace: Workspace): JobAssets {
  const environments = plannedEnvironments(workspace, 'job');
  return {
    ...references(workspace),
    ...environments,
    namedEnvironment: once(reference => environments.namedEnvironment(reference)),
    code: folder => Promise.resolve(`(upload of ${folder})`),
    data: path => Promise.resolve(`(upload of ${path})`),
    component: ({ componentSpec }) =>
      Promise.resolve(`(component ${JSON.stringify(componentSpec['command'] ?? componentSpec['type'])})`),
  };
}

function references(workspace: Workspace): References {
  return {
    compute: once((reference, nodes) => computeId(workspace, reference, nodes)),
    asset: once((kind, reference) => assetId(workspace, kind, reference)),
    datastore: reference => {
      const name = reference.replace(/^azureml:/, '');
      return name.startsWith('/') ? name : `${workspace.id}/datastores/${name}`;
    },
  };
}

/** Steps of a pipeline share code, data, environments and computes: each is asked for once. */
function once<A extends readonly unknown[]>(ask: (...args: A) => Promise<string>): (...args: A) => Promise<string> {
  const answers = new Map<string, Promise<string>>();
  return (...args) => {
    const key = JSON.stringify(args);
    const answer = answers.get(key) ?? ask(...args);
    answers.set(key, answer);
    return answer;
  };
}
