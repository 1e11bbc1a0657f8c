import type { Job } from '../../lib/azureml/jobs';
import type { Model } from '../../lib/azureml/models';
import type { TaskHost } from '../../lib/host/task-host';

/** What is to be registered. */
export interface Candidate {
  /** Where the service finds it; undefined while it is only on this machine. */
  readonly uri?: string;
  /** Where it lies on this machine. */
  readonly upload?: string;
  /** SHA-256 over its files; undefined for a URI, which is not read. */
  readonly digest?: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly job?: Job;
}

/** The beginning of the record of a release: what was made of which commit. Later tasks add where it went. */
export function releaseRecord(model: Model, candidate: Candidate, host: TaskHost): object {
  return {
    schemaVersion: 1,
    source: {
      repository: host.variable('Build.Repository.Uri') ?? host.variable('Build.Repository.Name'),
      commit: host.variable('Build.SourceVersion'),
      branch: host.variable('Build.SourceBranch'),
      build: host.variable('Build.BuildId'),
      requestedFor: host.variable('Build.RequestedFor'),
    },
    training: candidate.job && {
      job: candidate.job.name,
      experiment: candidate.job.experimentName,
      metrics: candidate.metrics,
    },
    model: { name: model.name, version: model.version, uri: model.uri, digest: candidate.digest },
    recordedAt: host.clock.now().toISOString(),
  };
}

/** Tags of a model version; values are at most 256 characters. */
export function modelTags(
  candidate: Candidate,
  own: Readonly<Record<string, string>>,
  host: TaskHost,
): Record<string, string> {
  const values: Record<string, string | undefined> = {
    'guardian.digest': candidate.digest,
    'guardian.job': candidate.job?.name,
    'guardian.build': host.variable('Build.BuildId'),
    'guardian.commit': host.variable('Build.SourceVersion'),
    ...Object.fromEntries(Object.entries(candidate.metrics).map(([name, value]) => [`metric.${name}`, String(value)])),
    ...own,
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value ? [[name, value.slice(0, 256)]] : [])),
  );
}
