import type { DataProperties } from '../assets/data';
import { VersionStore } from '../assets/version-store';
import { outputPlace } from '../jobs/job-record';
import type { JobFiles } from './job-files';

/** Registers the outputs that carry an asset name: models as models, the others as data. The next number is the version unless one was given. */
export function registerOutputs({ job, request, context, parts }: JobFiles): void {
  for (const [name, output] of Object.entries(request.outputs)) {
    const { assetName, jobOutputType } = output;
    if (assetName === undefined) continue;
    const place = outputPlace(context, job, name);
    const words = { description: output.description, tags: {}, properties: {}, isArchived: false, isAnonymous: false };
    if (jobOutputType.endsWith('_model')) {
      const version = output.assetVersion ?? parts.models.container(assetName)?.nextVersion ?? '1';
      const model = {
        ...words,
        flavors: null,
        modelType: jobOutputType,
        place,
        jobName: job.name,
        stage: 'Development',
      };
      parts.models.put(assetName, version, model, job.createdBy);
    } else {
      const data = new VersionStore<DataProperties>(context.journal, 'data');
      const version = output.assetVersion ?? data.container(assetName)?.nextVersion ?? '1';
      data.put(assetName, version, { ...words, dataType: jobOutputType, place }, job.createdBy);
    }
  }
}
