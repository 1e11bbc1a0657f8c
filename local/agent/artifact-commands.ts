import { existsSync, readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { needBuild } from './build-commands';
import type { CommandArea } from './commands';
import type { LoggingCommand } from './logging-command';
import type { StepContext } from './step-context';

const forbiddenInNames = /[\\/"':<>|*?]/;

function upload(step: StepContext, { properties, data }: LoggingCommand): void {
  needBuild(step);
  const name = nameOf(properties);
  if (data === '') throw new Error('Artifact location is required.');
  const hostType = step.job.variables.get('System.HostType') ?? '';
  if (hostType.toLowerCase() !== 'build') throw new Error(`Uploading server artifact is not supported in ${hostType}.`);
  const path = resolve(data);
  if (!existsSync(path)) throw new Error(`Path does not exist: ${data}`);
  if (statSync(path).isDirectory() && !holdsFile(path)) {
    step.warning(`Directory '${path}' is empty. Nothing will be added to build artifact '${name}'.`);
    return;
  }
  step.job.records.addToArtifact(name, path, properties['containerfolder'] ?? name);
}

function associate(step: StepContext, { properties, data }: LoggingCommand): void {
  needBuild(step);
  const name = nameOf(properties);
  if (!properties['type']) throw new Error(`Unable to resolve artifact type from artifact location: ${data}.`);
  step.debug(`Associate artifact: ${name} with build at ${data}`);
}

/** The area `artifact`, as ArtifactCommandExtension of azure-pipelines-agent has it. */
export const artifactCommands: CommandArea = {
  hostTypes: ['build', 'release'],
  events: { upload: { run: upload }, associate: { run: associate } },
};

function nameOf(properties: Record<string, string>): string {
  const name = properties['artifactname'];
  if (!name) throw new Error('Artifact Name is required.');
  checkArtifactName(name);
  return name;
}

/** @throws Error for a name that Azure DevOps refuses. */
export function checkArtifactName(name: string): void {
  if (forbiddenInNames.test(name)) {
    throw new Error(
      `Artifact name is not valid: ${name}. It cannot contain '\\', /', "', ':', '<', '>', '|', '*', and '?'`,
    );
  }
}

function holdsFile(folder: string): boolean {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).some(entry => entry.isFile());
}
