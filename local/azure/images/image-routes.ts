import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { workspacePath } from '../arm/arm-scope';
import type { FoundEnvironment } from '../assets/environment-lookup';
import type { AzureContext } from '../context';
import type { JobStore } from '../jobs/job-record';
import { registerPlane } from '../tracking/register-plane';
import { PlaneRefusal } from '../tracking/workspace-plane';
import { buildLogPlace } from './build-log';
import type { ImageBuilder } from './image-builder';

interface ImageBuild {
  status: 'Running' | 'Succeeded' | 'Failed';
  readonly environment: FoundEnvironment;
}

interface VersionRoute {
  Params: { subscriptionId: string; resourceGroup: string; workspace: string; name: string; version: string };
}

const linkHours = 1;

/**
 * The environment service as far as it builds images, as azureml-core's `Environment.build` and `get_image_details` call it (SDK v1,
 * `azureml/_restclient/environment_client.py`): whether there is an image, the start of a build, its status and its log. Builds are forgotten with the
 * server; the images are not.
 */
export async function registerImageBuilds(
  app: FastifyInstance,
  context: AzureContext,
  jobs: JobStore,
  images: ImageBuilder,
): Promise<void> {
  const builds = new Map<string, ImageBuild>();
  const find = ({ name, version }: VersionRoute['Params']): FoundEnvironment => {
    const found = context.environments.find(`azureml:${name}:${version}`);
    if (!found) throw new PlaneRefusal(404, `Environment ${name}:${version} was not found.`);
    return found;
  };
  const image = '/environments/:name/versions/:version/image';

  await registerPlane(app, context, jobs, `/environment/v1.0${workspacePath}`, scope => {
    scope.get<VersionRoute>(image, async ({ params }) => {
      const environment = find(params);
      const built = await images.find(environment);
      const { image: ready } = environment.properties;
      return {
        imageExistsInRegistry: built !== undefined || ready !== null,
        // There is no registry: what is built lies in a folder of this machine.
        dockerImage: { name: ready ?? (built === undefined ? null : `azureml/azureml_${built}`), registry: null },
        pythonEnvironment: null,
        ingredients: null,
      };
    });
  });

  await registerPlane(app, context, jobs, `/environment/v2.0${workspacePath}`, scope => {
    scope.post<VersionRoute>(image, ({ params }, reply) => {
      const build: ImageBuild = { status: 'Running', environment: find(params) };
      const id = randomUUID();
      builds.set(id, build);
      // The reason of a failure stands in the log.
      void images.image(build.environment).then(
        () => (build.status = 'Succeeded'),
        () => (build.status = 'Failed'),
      );
      return reply
        .code(202)
        .send({ location: `${context.baseUrl}/environment/v2.0${context.workspaceArmId}/imagebuilds/${id}` });
    });
    scope.get<{ Params: { id: string } }>('/imagebuilds/:id', ({ params }) => {
      const build = builds.get(params.id);
      if (!build) throw new PlaneRefusal(404, `Image build ${params.id} was not found.`);
      const { container, path } = buildLogPlace(build.environment);
      return { status: build.status, logUrl: context.blobs.sasUrl(container, path, 'r', linkHours) };
    });
  });
}
