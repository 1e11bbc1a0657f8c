import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { z } from 'zod';
import { TaskError } from '../task-error';
import type { TaskHost } from '../host/task-host';
import { inlineEnvironment, resolveEnvironment, type InlineEnvironment } from './environments';
import { isRemote, localPath } from './local-path';
import { present } from './present';
import { uploadData } from './upload';
import type { Workspace } from './workspace';
import { scalar, strings, yamlOptions } from './yaml-file';

const route = z.strictObject({ path: z.string(), port: z.number().int() }).optional();

/** An environment as jobs and deployments name it. */
export const environment = z.union(
  [
    z.string(),
    z.strictObject({
      $schema: z.string().optional(),
      name: z.string().optional(),
      version: scalar.transform(String).optional(),
      description: z.string().optional(),
      tags: strings.optional(),
      image: z.string().optional(),
      conda_file: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
      inference_config: z
        .strictObject({ liveness_route: route, readiness_route: route, scoring_route: route })
        .optional(),
      build: z.strictObject({ path: z.string(), dockerfile_path: z.string().default('Dockerfile') }).optional(),
    }),
  ],
  'name an environment, as azureml:name:version or as a map with image or build',
);
export type EnvironmentSpec = z.output<typeof environment>;

/** What makes an environment known to the workspace. */
export interface EnvironmentAssets {
  /** ARM id of an environment. */
  namedEnvironment(reference: string): Promise<string>;
  /** https URL of a folder, with a slash at the end. */
  buildContext(folder: string): Promise<string>;
  /** ARM id of an environment version. */
  environment(environment: InlineEnvironment): Promise<string>;
}

/** Uploads and registers what is not there yet. */
export function workspaceEnvironments(workspace: Workspace, host: TaskHost): EnvironmentAssets {
  return {
    namedEnvironment: reference => resolveEnvironment(workspace, reference),
    buildContext: async folder => (await uploadData(workspace, folder, host)).url,
    environment: spec => inlineEnvironment(workspace, spec),
  };
}

/** In plan mode nothing is uploaded and a marker stands in its place. @param owner of an environment without a name, such as `job` */
export function plannedEnvironments(workspace: Workspace, owner: string): EnvironmentAssets {
  return {
    namedEnvironment: reference => resolveEnvironment(workspace, reference),
    buildContext: folder => Promise.resolve(`(upload of ${folder})`),
    environment: ({ name }) => Promise.resolve(`(new version of ${name ?? `an environment of this ${owner}`})`),
  };
}

/** ARM id of an environment: one that is registered, or one that the file spells out (image, conda file, build). */
export async function environmentId(
  environment: EnvironmentSpec,
  folder: string,
  assets: EnvironmentAssets,
): Promise<string> {
  if (typeof environment === 'string') return assets.namedEnvironment(environment);
  const { image, conda_file: conda, build, description, tags, inference_config: routes } = environment;
  if ((image === undefined) === (build === undefined)) {
    throw new TaskError(
      `The environment must name either an image or a build${build === undefined ? '; it names neither' : ', not both'}.`,
      { code: 'GuardianInput' },
    );
  }
  const about = present({
    description,
    tags,
    inferenceConfig:
      routes &&
      present({
        livenessRoute: routes.liveness_route,
        readinessRoute: routes.readiness_route,
        scoringRoute: routes.scoring_route,
      }),
  });
  const named = { name: environment.name, version: environment.version };
  if (build) {
    const contextUri = isRemote(build.path) ? build.path : await assets.buildContext(localPath(folder, build.path));
    const properties = { ...about, build: { contextUri, dockerfilePath: build.dockerfile_path } };
    return assets.environment({ ...named, properties });
  }
  const condaFile =
    typeof conda === 'string' ? readFileSync(localPath(folder, conda), 'utf8') : conda && stringify(conda, yamlOptions);
  const properties = { ...about, image, ...(condaFile === undefined ? {} : { condaFile }) };
  return assets.environment({ ...named, properties: properties as typeof properties & { image: string } });
}
