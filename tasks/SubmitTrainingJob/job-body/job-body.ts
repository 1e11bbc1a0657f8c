import type { JobFile } from '../job-file/read-job-file';
import { checkPaths } from '../job-file/local-paths';
import { commandBody } from './command-body';
import type { JobAssets } from './job-assets';
import { pipelineBody } from './pipeline-body';
import { present } from '../../../lib/azureml/present';
import { sweepBody } from './sweep-body';

/** The properties of a job's REST resource, version 2023-10-01, as far as the task reads them itself. */
export interface JobBody {
  readonly jobType: 'Command' | 'Sweep' | 'Pipeline';
  readonly experimentName?: string;
  readonly displayName?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, { readonly value?: string; readonly uri?: string }>>;
  readonly [part: string]: unknown;
}

/** Builds the REST body of a job. Paths and names are checked before anything is uploaded. */
export async function jobBody(file: JobFile, assets: JobAssets): Promise<JobBody> {
  checkPaths(file);
  const { spec, folder } = file;
  const about = {
    ...present({
      experimentName: spec.experiment_name,
      displayName: spec.display_name,
      description: spec.description,
    }),
    tags: spec.tags,
    properties: spec.properties,
  };
  switch (file.kind) {
    case 'command':
      return { ...about, ...(await commandBody(file.spec, folder, assets)) } as JobBody;
    case 'sweep':
      return { ...about, ...(await sweepBody(file.spec, folder, assets)) } as JobBody;
    case 'pipeline':
      return {
        ...about,
        ...(await pipelineBody(file.spec, file.steps, file.component, folder, assets)),
      } as JobBody;
  }
}
