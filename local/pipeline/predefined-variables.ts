import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { Variable } from '../agent/variables';
import type { Project } from '../project';
import type { SourceFacts } from './git-source';
import type { Job, Stage } from './model';

export interface RunIdentity {
  buildId: number;
  buildNumber: string;
  /** The pipeline's file. */
  file: string;
  sources: SourceFacts;
}

/** Variables of the run that template expressions see as well. Read-only. */
export function runVariables(project: Project, run: RunIdentity): Variable[] {
  const { sources } = run;
  return readOnly({
    'Build.BuildId': String(run.buildId),
    'Build.BuildNumber': run.buildNumber,
    'Build.BuildUri': `vstfs:///Build/Build/${run.buildId}`,
    'Build.DefinitionName': basename(run.file).replace(/\.ya?ml$/, ''),
    'Build.QueuedBy': 'Local user',
    'Build.Reason': 'Manual',
    'Build.Repository.Id': sources.repositoryName,
    'Build.Repository.Name': sources.repositoryName,
    'Build.Repository.Provider': sources.provider,
    'Build.Repository.Uri': sources.repositoryUri,
    'Build.RequestedFor': 'Local user',
    'Build.SourceBranch': sources.branch,
    'Build.SourceBranchName': basename(sources.branch),
    'Build.SourceVersion': sources.version,
    'Build.SourceVersionAuthor': sources.author,
    'Build.SourceVersionMessage': sources.versionMessage,
    ...projectVariables(project),
    'System.HostType': 'build',
  });
}

/** What every run of the project knows of it, whether of a pipeline or of a release. */
export function projectVariables(project: Project): Record<string, string> {
  return {
    'System.CollectionUri': project.collectionUri,
    'System.DefinitionId': '1',
    'System.TeamFoundationCollectionUri': project.collectionUri,
    'System.TeamProject': project.name,
    'System.TeamProjectId': 'c0ffee00-0000-4000-8000-000000000001',
    ...(project.oidcRequestUri === undefined ? {} : { 'System.OidcRequestUri': project.oidcRequestUri }),
  };
}

/** Variables of one job. The token is secret. */
export function jobVariables(o: {
  kind: 'build' | 'release';
  project: Project;
  planId: string;
  stage: Stage;
  job: Job;
  leg: string | undefined;
  sourcesDir: string;
}): Variable[] {
  const { stage, job, leg } = o;
  const displayName = leg === undefined ? job.displayName : `${job.displayName} ${leg}`;
  return [
    { name: 'System.AccessToken', value: o.project.accessToken, isSecret: true, isReadOnly: true },
    ...readOnly({
      'Agent.JobName': displayName,
      // A release's stage is its Release.EnvironmentName, and its repositories lie in folders of their own.
      ...(o.kind === 'release'
        ? {}
        : {
            'Build.Repository.LocalPath': o.sourcesDir,
            'System.StageAttempt': '1',
            'System.StageDisplayName': stage.displayName,
            'System.StageName': stage.name,
          }),
      'System.JobAttempt': '1',
      'System.JobDisplayName': displayName,
      'System.JobId': randomUUID(),
      'System.JobName': leg ?? '__default',
      'System.PhaseAttempt': '1',
      'System.PhaseDisplayName': job.displayName,
      'System.PhaseName': job.name,
      'System.PlanId': o.planId,
      ...(job.environment === undefined ? {} : { 'Environment.Name': job.environment, 'Strategy.Name': 'runOnce' }),
    }),
  ];
}

function readOnly(values: Record<string, string>): Variable[] {
  return Object.entries(values).map(([name, value]) => ({ name, value, isReadOnly: true }));
}
