import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { z } from 'zod';
import { TaskError } from '../task-error';
import type { InlineEnvironment } from './environments';
import { isRemote, localPath } from './local-path';
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
  const about = {
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags }),
    ...(routes === undefined
      ? {}
      : {
          inferenceConfig: {
            ...(routes.liveness_route ? { livenessRoute: routes.liveness_route } : {}),
            ...(routes.readiness_route ? { readinessRoute: routes.readiness_route } : {}),
            ...(routes.scoring_route ? { scoringRoute: routes.scoring_route } : {}),
          },
        }),
  };
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
