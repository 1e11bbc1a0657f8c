import { readSourceFacts } from '../pipeline/git-source';
import { runName } from '../pipeline/run-name';
import { executeRun, type PipelineRun, type RunOptions } from '../pipeline/run-pipeline';
import { TaskCatalog } from '../pipeline/task-catalog';
import { readReleaseDefinition } from './definition';
import { releaseStages } from './release-stages';
import { releaseVariables, type ReleaseIdentity } from './release-variables';

export interface RunReleaseOptions extends RunOptions {
  /** Values for variables of the definition that can be set at release time. */
  variables?: Record<string, string>;
  /** Deploys only these stages, as a person does by hand; those that start by themselves unless given. */
  stages?: string[];
}

/**
 * Makes one release of a classic release definition and deploys its stages as the service and its agents do. Every artifact is the
 * project's repository as it stands. Resolves with the result, whatever it is.
 * @throws Error before anything runs when the definition holds what is wrong or not supported here.
 */
export async function runRelease(o: RunReleaseOptions): Promise<PipelineRun> {
  const { project, variables = {}, stages } = o;
  const definition = readReleaseDefinition(o.file);
  const tasks = new TaskCatalog(project.taskDirs);
  const pipeline = releaseStages(definition, {
    file: o.file,
    tasks,
    given: variables,
    ...(stages ? { stages } : {}),
  });
  const identity: ReleaseIdentity = {
    releaseId: project.nextBuildId(),
    releaseName: '',
    sources: await readSourceFacts(project.sourcesDir),
  };
  identity.releaseName = runName(definition.releaseNameFormat, {
    now: new Date(),
    revision: identity.releaseId,
    variable: name => definition.variables[name]?.value ?? undefined,
  });
  return await executeRun(o, {
    kind: 'release',
    pipeline,
    tasks,
    id: identity.releaseId,
    number: identity.releaseName,
    definition: definition.name,
    sources: identity.sources,
    predefined: releaseVariables(project, definition, identity),
    given: [],
  });
}
