import { inlineEnvironment, type InlineEnvironment } from '../../lib/azureml/environments';
import { uploadCode, uploadData } from '../../lib/azureml/upload';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';

/** Turns local paths into what the service can reach. In plan mode nothing is uploaded and a marker stands in its place. */
export interface Uploads {
  /** ARM id of a code asset. */
  code(folder: string): Promise<string>;
  /** URI of a file or folder. */
  data(path: string): Promise<string>;
  /** https URL of a folder, with a slash at the end. */
  buildContext(folder: string): Promise<string>;
  /** ARM id of an environment version. */
  environment(environment: InlineEnvironment): Promise<string>;
}

export function realUploads(workspace: Workspace, host: TaskHost): Uploads {
  return {
    code: folder => uploadCode(workspace, folder, host),
    data: async path => (await uploadData(workspace, path, host)).uri,
    buildContext: async folder => (await uploadData(workspace, folder, host)).url,
    environment: environment => inlineEnvironment(workspace, environment),
  };
}

export const plannedUploads: Uploads = {
  code: folder => Promise.resolve(`(upload of ${folder})`),
  data: path => Promise.resolve(`(upload of ${path})`),
  buildContext: folder => Promise.resolve(`(upload of ${folder})`),
  environment: ({ name }) => Promise.resolve(`(new version of ${name ?? 'an environment of this job'})`),
};
