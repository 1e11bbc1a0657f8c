import type { TaskHost } from '../host/task-host';

/** Longest value of a tag. https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations */
const tagLength = 256;

/** Where the pipeline run's code comes from and who asked for the run. */
export interface Lineage {
  readonly repository: string | undefined;
  readonly commit: string | undefined;
  readonly branch: string | undefined;
  readonly build: string | undefined;
  readonly requestedFor: string | undefined;
}

export function lineageOf(host: TaskHost): Lineage {
  return {
    repository: repository(host),
    commit: host.variable('Build.SourceVersion'),
    branch: host.variable('Build.SourceBranch'),
    build: host.variable('Build.BuildId'),
    requestedFor: host.variable('Build.RequestedFor') ?? host.variable('Release.RequestedFor'),
  };
}

/** Tags of a job that say who asked for it. */
export function jobTags({ repository, commit, branch, build, requestedFor }: Lineage): Record<string, string> {
  return shortTags({
    'guardian.build': build,
    'guardian.commit': commit,
    'guardian.repository': repository,
    'guardian.branch': branch,
    'guardian.requestedFor': requestedFor,
  });
}

/** Properties by which the studio and MLflow show the source of a job; `az ml` writes the same. */
export function gitProperties({ repository, commit, branch }: Lineage): Record<string, string> {
  const name = branch?.replace(/^refs\/heads\//, '');
  return shortTags({
    'azureml.git.repository_uri': repository,
    'mlflow.source.git.repoURL': repository,
    'azureml.git.branch': name,
    'mlflow.source.git.branch': name,
    'azureml.git.commit': commit,
    'mlflow.source.git.commit': commit,
  });
}

/** The values that are there, each cut to what a tag holds. */
export function shortTags(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value ? [[name, value.slice(0, tagLength)]] : [])),
  );
}

/** A checkout address may carry a user or token; neither belongs where everybody who may read the job sees it. */
function repository(host: TaskHost): string | undefined {
  const uri = host.variable('Build.Repository.Uri');
  if (uri === undefined || !URL.canParse(uri)) return uri ?? host.variable('Build.Repository.Name');
  const bare = new URL(uri);
  bare.username = '';
  bare.password = '';
  return bare.toString();
}
