import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseReleaseRecord, type ReleaseRecord } from '../../lib/release/release-record';
import { TaskError } from '../../lib/task-error';
import type { ModelToDeploy } from './deployment-plan';
import type { DeployInputs } from './inputs';

const fileName = 'release-record.json';

/** The inputs with the model that the record of an earlier stage names; as they are without one. @throws TaskError */
export function namedByRecord(inputs: DeployInputs): { inputs: DeployInputs; record: ReleaseRecord | undefined } {
  if (inputs.releaseRecord === undefined) return { inputs, record: undefined };
  const record = readReleaseRecord(inputs.releaseRecord);
  const { name, version } = record.model;
  if (inputs.modelName === '' || inputs.modelName === name)
    return { inputs: { ...inputs, modelName: name, modelVersion: version }, record };
  throw new TaskError(
    `modelName is ${inputs.modelName}, but the release record is about ${name}:${version}. Leave modelName empty, or download the record of ${inputs.modelName}.`,
    { code: 'GuardianInput' },
  );
}

/** @param path of the file, or the folder of the downloaded artefact */
function readReleaseRecord(path: string): ReleaseRecord {
  let file = path;
  let text: string;
  try {
    if (statSync(path).isDirectory()) file = join(path, fileName);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new TaskError(
      `The release record ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}). Download the artefact of the earlier stage in this job first (download: current, or DownloadPipelineArtifact).`,
      { code: 'GuardianInput', cause: error },
    );
  }
  const record = parseReleaseRecord(text);
  if (typeof record !== 'string') return record;
  throw new TaskError(`The release record ${file} ${record}.`, { code: 'GuardianInput' });
}

/** @throws TaskError when the version that is registered now has other content than the one that the record is about */
export function checkRecorded({ model: recorded }: ReleaseRecord, model: ModelToDeploy): void {
  const what = `${model.name}:${model.version}`;
  if (recorded.digest === undefined || recorded.digest === model.digest) return;
  throw new TaskError(
    `The model ${what} is not the one that the release record is about: its content has the digest ${model.digest ?? '(none)'}, the record says ${recorded.digest}. Is it the record of another workspace? Then share the model by a registry and name it as registryName; else register the model again and deploy with that record.`,
    { code: 'GuardianConflict' },
  );
}
