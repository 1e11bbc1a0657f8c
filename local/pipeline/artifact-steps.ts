import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { checkArtifactName } from '../agent/artifact-commands';
import { globExpression } from '../agent/glob';
import type { StoredArtifact } from '../agent/run-records';
import type { StepContext } from '../agent/step-context';
import type { DownloadStep, PublishStep } from './model';

/** Publishes a file or folder as an artifact of the run. @throws Error when it is missing or the run has an artifact of that name. */
export function publishArtifact(step: StepContext, { path, artifact }: PublishStep): void {
  const { variables, records } = step.job;
  const from = resolve(variables.get('System.DefaultWorkingDirectory') ?? '.', variables.expand(path));
  const name =
    variables.expand(artifact) ||
    `${variables.get('System.StageName') ?? ''}.${variables.get('System.PhaseName') ?? ''}`;
  checkArtifactName(name);
  if (!existsSync(from)) throw new Error(`Path does not exist: ${from}`);
  if (records.artifact(name)) {
    throw new Error(`Artifact ${name} already exists for build ${variables.get('Build.BuildId') ?? ''}.`);
  }
  records.addToArtifact(name, from);
  step.output(`Artifact ${name} was published from ${from}.`);
}

/** Copies artifacts of the run into the job's workspace. @throws Error when the named one is not there. */
export function downloadArtifacts(step: StepContext, { source, artifact, patterns, path }: DownloadStep): void {
  if (source === 'none') return;
  const { variables, records } = step.job;
  const workspace = variables.get('Pipeline.Workspace') ?? '.';
  const name = variables.expand(artifact);
  const target = path === undefined ? undefined : resolve(workspace, variables.expand(path));
  const accepts = patternTest(variables.expand(patterns));
  if (name !== '') {
    const found = records.artifact(name);
    if (!found) throw new Error(`Artifact ${name} was not found for build ${variables.get('Build.BuildId') ?? ''}.`);
    copyMatching(step, found, target ?? join(workspace, found.name), accepts);
    return;
  }
  if (records.artifacts.length === 0) step.output('The run has no artifacts so far.');
  for (const each of records.artifacts) copyMatching(step, each, join(target ?? workspace, each.name), accepts);
}

function copyMatching(
  step: StepContext,
  artifact: StoredArtifact,
  target: string,
  accepts: (file: string) => boolean,
): void {
  mkdirSync(target, { recursive: true });
  let count = 0;
  for (const entry of readdirSync(artifact.path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = relative(artifact.path, join(entry.parentPath, entry.name));
    if (!accepts(file)) continue;
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(artifact.path, file), join(target, file));
    count++;
  }
  step.output(`Downloaded ${count} file${count === 1 ? '' : 's'} of artifact ${artifact.name} to ${target}.`);
}

/** One pattern a line; a file is taken when one of them matches. */
function patternTest(patterns: string): (file: string) => boolean {
  const expressions = patterns
    .split('\n')
    .map(pattern => pattern.trim())
    .filter(pattern => pattern !== '')
    .map(pattern => globExpression(pattern));
  return file => expressions.some(expression => expression.test(file));
}
