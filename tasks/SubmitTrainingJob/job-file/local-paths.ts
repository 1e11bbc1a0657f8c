import { existsSync } from 'node:fs';
import { TaskError } from '../../../lib/task-error';
import type { EnvironmentSpec } from '../../../lib/azureml/environment-spec';
import { isRemote, localPath } from '../../../lib/azureml/local-path';
import type { JobFile } from './read-job-file';
import type { Component, Step } from './steps';

interface NamedPath {
  /** Where in the job it stands. */
  readonly name: string;
  readonly path: string | undefined;
  readonly folder: string;
}

/** @throws TaskError that lists every local path of the job, its steps and their components that does not exist */
export function checkPaths(job: JobFile): void {
  const missing = pathsOf(job).filter(
    ({ path, folder }) => path !== undefined && !isRemote(path) && !existsSync(localPath(folder, path)),
  );
  if (missing.length === 0) return;
  const list = missing.map(({ name, path, folder }) => `  - ${name}: ${localPath(folder, path ?? '')}`).join('\n');
  throw new TaskError(
    `The job names ${missing.length === 1 ? 'a path that does' : 'paths that do'} not exist:\n${list}\nPaths are relative to the ${job.kind === 'pipeline' ? 'file that names them' : 'job file'}.`,
    { code: 'GuardianInput' },
  );
}

function pathsOf(job: JobFile): NamedPath[] {
  const { folder } = job;
  switch (job.kind) {
    case 'command':
      return [...commandPaths('', job.spec, folder), ...inputPaths('', job.spec.inputs, folder)];
    case 'sweep':
      return [...commandPaths('trial.', job.spec.trial, folder), ...inputPaths('', job.spec.inputs, folder)];
    case 'pipeline':
      return [
        ...inputPaths('', job.spec.inputs, folder),
        ...stepPaths('jobs.', job.steps),
        ...(job.component ? componentPaths('component.', job.component) : []),
      ];
  }
}

function stepPaths(prefix: string, steps: readonly Step[]): NamedPath[] {
  return steps.flatMap(step => {
    const place = `${prefix}${step.name}.`;
    return [
      ...inputPaths(place, step.spec.inputs, step.folder),
      ...(step.kind === 'inline'
        ? commandPaths(place, step.spec, step.folder)
        : componentPaths(`${place}component.`, step.component)),
    ];
  });
}

function componentPaths(prefix: string, component: Component): NamedPath[] {
  switch (component.kind) {
    case 'registered':
      return [];
    case 'command':
      return commandPaths(prefix, component.spec, component.folder);
    case 'pipeline':
      return stepPaths(`${prefix}jobs.`, component.steps);
  }
}

function commandPaths(
  prefix: string,
  spec: { code?: string | undefined; environment: EnvironmentSpec },
  folder: string,
): NamedPath[] {
  const environment = typeof spec.environment === 'string' ? {} : spec.environment;
  const conda = typeof environment.conda_file === 'string' ? environment.conda_file : undefined;
  return [
    { name: `${prefix}code`, path: spec.code, folder },
    { name: `${prefix}environment.conda_file`, path: conda, folder },
    { name: `${prefix}environment.build.path`, path: environment.build?.path, folder },
  ];
}

function inputPaths(prefix: string, inputs: Readonly<Record<string, unknown>>, folder: string): NamedPath[] {
  return Object.entries(inputs).flatMap(([name, input]) =>
    typeof input === 'object' && input !== null && 'path' in input
      ? [{ name: `${prefix}inputs.${name}.path`, path: String(input.path), folder }]
      : [],
  );
}
