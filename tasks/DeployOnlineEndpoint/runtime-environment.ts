import { createEnvironment, findEnvironment } from '../../lib/azureml/environments';
import { buildImage, builtImage } from '../../lib/azureml/image-build';
import { contentDigest, folderContent } from '../../lib/azureml/folder-content';
import { uploadData } from '../../lib/azureml/upload';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { owner, tag } from '../../lib/release/tags';

const name = 'guardian-scoring-runtime';

/** The port that the runtime's container listens on, and its routes. */
const port = 5001;

/** The bundled scoring runtime as an environment of the workspace. */
export interface RuntimeEnvironment {
  readonly name: string;
  readonly version: string;
  readonly id: string;
  readonly exists: boolean;
}

/** Which environment version the runtime in `folder` is: named by its content, so that it is built once. */
export async function findRuntime(workspace: Workspace, folder: string): Promise<RuntimeEnvironment> {
  const version = contentDigest(await folderContent(folder)).slice(0, 12);
  const exists = (await findEnvironment(workspace, name, version)) !== undefined;
  return { name, version, id: `${workspace.id}/environments/${name}/versions/${version}`, exists };
}

/**
 * Has the runtime's image built when there is none yet, with the build's log in ours; an unchanged runtime is never built again. Where the environment
 * service does not let us ask for it, Azure builds it with the first deployment. @returns the image, where it is told
 * @throws TaskError when the build fails
 */
export async function ensureImage(
  workspace: Workspace,
  runtime: RuntimeEnvironment,
  host: TaskHost,
): Promise<string | undefined> {
  const title = `${runtime.name}:${runtime.version}`;
  try {
    const built = await builtImage(workspace, runtime);
    if (built) {
      host.info(`Image of ${title} is there, nothing to build: ${built}`);
      return built;
    }
  } catch (error) {
    host.signal.throwIfAborted();
    const said = error instanceof Error ? error.message : String(error);
    host.info(
      `${said} Azure builds the image of ${title}, if it has none, with the deployment; its log is then in the studio.`,
    );
    return undefined;
  }
  host.progress(7, 'Building the image');
  await buildImage(workspace, runtime, host);
  return builtImage(workspace, runtime);
}

/** Uploads the build context and registers the environment. */
export async function createRuntime(
  workspace: Workspace,
  runtime: RuntimeEnvironment,
  folder: string,
  host: TaskHost,
): Promise<void> {
  const { url } = await uploadData(workspace, folder, host);
  const route = (path: string) => ({ path, port });
  await createEnvironment(workspace, name, runtime.version, {
    description: 'Scoring runtime of Guardian AI MLOps, for ONNX image classifiers',
    build: { contextUri: url, dockerfilePath: 'Dockerfile' },
    inferenceConfig: { livenessRoute: route('/live'), readinessRoute: route('/ready'), scoringRoute: route('/score') },
    osType: 'Linux',
    tags: { [tag.owner]: owner },
  });
  host.info(`Environment ${name}:${runtime.version} registered`);
}
