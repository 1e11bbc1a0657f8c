import { basename } from 'node:path';
import type { Variable } from '../agent/variables';
import type { SourceFacts } from '../pipeline/git-source';
import { projectVariables } from '../pipeline/predefined-variables';
import type { Project } from '../project';
import type { ReleaseDefinition } from './definition';

export interface ReleaseIdentity {
  releaseId: number;
  releaseName: string;
  /** Of the project's repository, which every artifact means. */
  sources: SourceFacts;
}

/**
 * Variables of a release. Read-only. The artifact is a repository, not a build: there is no Build.BuildId.
 * https://learn.microsoft.com/azure/devops/pipelines/release/variables
 */
export function releaseVariables(project: Project, definition: ReleaseDefinition, run: ReleaseIdentity): Variable[] {
  const { sources } = run;
  const primary = definition.artifacts.find(({ isPrimary }) => isPrimary) ?? definition.artifacts[0];
  const source = {
    DefinitionName: sources.repositoryName,
    BuildNumber: sources.version,
    SourceBranch: sources.branch,
    SourceBranchName: basename(sources.branch),
    SourceVersion: sources.version,
    'Repository.Id': sources.repositoryName,
    'Repository.Name': sources.repositoryName,
    'Repository.Provider': sources.provider,
  };
  const named = (prefix: string): Record<string, string> =>
    Object.fromEntries(Object.entries(source).map(([name, value]) => [`${prefix}.${name}`, value]));
  const values: Record<string, string> = {
    ...named('Build'),
    ...Object.fromEntries(
      definition.artifacts.flatMap(({ alias }) => Object.entries(named(`Release.Artifacts.${alias}`))),
    ),
    'Build.BuildId': '',
    'Agent.ReleaseDirectory': '$(System.DefaultWorkingDirectory)',
    'System.ArtifactsDirectory': '$(System.DefaultWorkingDirectory)',
    'Release.AttemptNumber': '1',
    'Release.DefinitionId': '1',
    'Release.DefinitionName': definition.name,
    'Release.PrimaryArtifactSourceAlias': primary?.alias ?? '',
    'Release.Reason': 'Manual',
    'Release.ReleaseId': String(run.releaseId),
    'Release.ReleaseName': run.releaseName,
    'Release.ReleaseUri': `vstfs:///ReleaseManagement/Release/${run.releaseId}`,
    'Release.RequestedFor': 'Local user',
    ...projectVariables(project),
    'System.HostType': 'release',
  };
  return Object.entries(values).map(([name, value]) => ({ name, value, isReadOnly: true }));
}
