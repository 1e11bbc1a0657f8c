import { existsSync } from 'node:fs';
import { hashArtifacts, listArtifacts } from '../../lib/azureml/artifacts';
import { hashUri, isOnDatastore } from '../../lib/azureml/datastore-files';
import { contentDigest, folderContent } from '../../lib/azureml/folder-content';
import { existingJob, hasEnded, type Job } from '../../lib/azureml/jobs';
import { jobMetrics } from '../../lib/azureml/metrics';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';
import type { ModelSource } from './inputs';

/** What is to be registered. */
export interface Candidate {
  /** Where the service finds it, or where it lies on this machine until it is uploaded. */
  readonly place: { readonly uri: string } | { readonly upload: string };
  /** SHA-256 over its files; undefined for an https address, which is not read. */
  readonly digest: string | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  /** The job that made it, and where among the job's artifacts. */
  readonly from: { readonly job: Job; readonly path: string } | undefined;
}

/** Looks at what is to be registered: that it is there, its digest, and the metrics of the job that made it. */
export async function examine(source: ModelSource, workspace: Workspace, host: TaskHost): Promise<Candidate> {
  switch (source.kind) {
    case 'localPath':
      return examineLocal(source.path);
    case 'uri':
      return examineUri(source.uri, workspace, host);
    case 'jobOutput':
      return examineJobOutput(source.jobName, source.path, workspace, host);
  }
}

async function examineUri(uri: string, workspace: Workspace, host: TaskHost): Promise<Candidate> {
  const candidate = { place: { uri }, metrics: {}, from: undefined };
  if (!isOnDatastore(uri)) return { ...candidate, digest: undefined };
  const files = await hashUri(workspace, uri, host);
  if (files.length === 0)
    throw new TaskError(`There are no files at ${uri} (modelUri). Names are case-sensitive.`, {
      code: 'GuardianNotFound',
    });
  return { ...candidate, digest: contentDigest(files) };
}

async function examineLocal(path: string): Promise<Candidate> {
  if (!existsSync(path))
    throw new TaskError(`There is no model at ${path} (localPath). Is the step before that makes it, in this job?`, {
      code: 'GuardianInput',
    });
  const files = await folderContent(path);
  if (files.length === 0)
    throw new TaskError(`The folder ${path} (localPath) holds no files to register.`, { code: 'GuardianInput' });
  return { place: { upload: path }, digest: contentDigest(files), metrics: {}, from: undefined };
}

async function examineJobOutput(
  jobName: string,
  path: string,
  workspace: Workspace,
  host: TaskHost,
): Promise<Candidate> {
  const job = await completedJob(workspace, jobName);
  const run = { experiment: job.experimentName, job: job.name };
  const all = await listArtifacts(workspace, run);
  const isFile = all.includes(path);
  const paths = isFile ? [path] : all.filter(item => item.startsWith(`${path}/`));
  if (paths.length === 0) throw nothingThere(job.name, path, all);
  const base = isFile ? path.slice(0, path.lastIndexOf('/') + 1) : `${path}/`;
  const [files, metrics] = await Promise.all([
    hashArtifacts(workspace, run, base, paths, host),
    jobMetrics(workspace, job.name).then(({ last }) => last),
  ]);
  return {
    place: { uri: `azureml://jobs/${job.name}/outputs/artifacts/paths/${isFile ? path : `${path}/`}` },
    digest: contentDigest(files),
    metrics,
    from: { job, path },
  };
}

/** A model is registered only from a job that completed: others may have left half a model. */
async function completedJob(workspace: Workspace, name: string): Promise<Job> {
  const job = await existingJob(workspace, name);
  if (job.status === 'Completed') return job;
  throw new TaskError(
    hasEnded(job.status)
      ? `Job ${name} ended ${job.status}, so its model is not registered. See its log for the reason.`
      : `Job ${name} is still ${job.status}: its model can be registered once it has completed. Wait for it with SubmitTrainingJob.`,
    { code: 'GuardianJobFailed' },
  );
}

function nothingThere(job: string, path: string, all: readonly string[]): TaskError {
  const candidates = all.filter(item => !/^(user_logs|system_logs|azureml-logs|logs)\//.test(item));
  const shown = candidates.slice(0, 10).join(', ');
  const instead =
    candidates.length === 0
      ? 'It left nothing but logs: the training code must write the model below ./outputs.'
      : `It left ${shown}${candidates.length > 10 ? ` and ${candidates.length - 10} more` : ''}.`;
  return new TaskError(`Job ${job} left nothing at ${path} (modelPath). ${instead} Names are case-sensitive.`, {
    code: 'GuardianNotFound',
  });
}
