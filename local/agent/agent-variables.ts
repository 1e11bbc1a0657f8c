import { arch, hostname, platform } from 'node:os';
import { join } from 'node:path';
import type { Variable } from './variables';

/** Version of azure-pipelines-agent whose behaviour is reproduced here. */
const agentVersion = '4.265.1';

export interface JobFolders {
  /** Emptied for each job. */
  tempDir: string;
  /** System.DefaultWorkingDirectory and Build.SourcesDirectory. */
  workDir: string;
  /** Build directory with s, a and b; the parent of workDir unless given. */
  buildDir?: string;
}

/** The variables that every job has whatever its pipeline: agent, folders, host. Read-only. */
export function agentVariables({ tempDir, workDir, buildDir = join(workDir, '..') }: JobFolders): Variable[] {
  const stagingDir = join(buildDir, 'a');
  const values: Record<string, string> = {
    'Agent.BuildDirectory': buildDir,
    'Agent.Id': '1',
    'Agent.JobName': 'Job',
    'Agent.JobStatus': 'Succeeded',
    'Agent.MachineName': hostname(),
    'Agent.Name': 'Local agent',
    'Agent.OS': platform() === 'darwin' ? 'Darwin' : 'Linux',
    'Agent.OSArchitecture': arch() === 'arm64' ? 'ARM64' : 'X64',
    'Agent.TempDirectory': tempDir,
    'Agent.ToolsDirectory': join(tempDir, '..', '_tools'),
    'Agent.Version': agentVersion,
    'Agent.WorkFolder': join(buildDir, '..'),
    'Build.ArtifactStagingDirectory': stagingDir,
    'Build.BinariesDirectory': join(buildDir, 'b'),
    'Build.BuildId': '1',
    'Build.BuildNumber': '1',
    'Build.SourcesDirectory': workDir,
    'Build.StagingDirectory': stagingDir,
    'Pipeline.Workspace': buildDir,
    'System.ArtifactsDirectory': stagingDir,
    'System.Culture': 'en-US',
    'System.DefaultWorkingDirectory': workDir,
    'System.HostType': 'build',
  };
  return Object.entries(values).map(([name, value]) => ({ name, value, isReadOnly: true }));
}
