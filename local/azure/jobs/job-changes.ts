import { stringMap } from '../assets/asset-body';
import type { RunStore } from '../tracking/run-store';
import { record, text, type Body } from './body-fields';
import type { JobRecord } from './job-record';

/**
 * What a PUT on an existing job changes: name and words for people, and whether it is archived; the job itself stays what it is and never runs
 * twice. Tags and properties are added to those that are there. @throws ArmError 400
 */
export function changeJob(job: JobRecord, given: Body, runs: RunStore): void {
  const run = runs.run(job.name);
  if (!run) return;
  const displayName = text(given, 'displayName');
  const description = text(given, 'description');
  const tags = stringMap(record(given, 'tags'), 'tags');
  const properties = stringMap(record(given, 'properties'), 'properties');
  const changes = {
    ...(displayName === null || displayName === run.name ? {} : { name: displayName }),
    ...(description === null || description === run.description ? {} : { description }),
    ...(typeof given.isArchived === 'boolean' && given.isArchived !== run.hidden ? { hidden: given.isArchived } : {}),
    ...(Object.entries(tags).every(([key, value]) => run.tags[key] === value)
      ? {}
      : { tags: { ...run.tags, ...tags } }),
  };
  if (Object.keys(changes).length > 0) runs.changeRun(job.name, changes);
  if (Object.keys(properties).length > 0) runs.addProperties(job.name, properties);
}
