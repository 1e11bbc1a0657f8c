import type { FastifyInstance } from 'fastify';
import { userError } from '../arm/arm-error';
import type { AzureContext } from '../context';
import type { Body } from '../jobs/body-fields';
import { artifactContainer } from '../workspace/datastores';
import { contentLink } from './content-links';
import { PlaneRefusal } from './workspace-plane';

/** Hours that the links to artifacts are good. */
const linkHours = 24;

interface ArtifactRoute {
  Params: { origin: string; container: string };
  Querystring: { path?: string };
}

/**
 * The artifact service, below `/artifact/v2.0/…`: files by origin and container, for example `LocalUpload` for a model that azureml-mlflow uploads to
 * register it, `ExperimentRun` and `dcid.{run}` for those of a run.
 */
export function registerUploads(scope: FastifyInstance, context: AzureContext): void {
  const { blobs } = context;
  const base = '/artifacts/:origin/:container';
  const information = (
    origin: string,
    container: string,
    path: string,
    permissions: string,
  ): Record<string, unknown> => ({
    contentUri: contentLink(context, artifactContainer, `${origin}/${container}/${path}`, permissions, linkHours),
    origin,
    container,
    path,
  });
  scope.post<ArtifactRoute & { Body: Body | undefined }>(`${base}/batch/metadata`, request => {
    const { origin, container } = request.params;
    const paths = artifactPaths(request.body);
    return {
      artifacts: Object.fromEntries(
        paths.map(path => [path, { artifactId: `${origin}/${container}/${path}`, origin, container, path }]),
      ),
      artifactContentInformation: Object.fromEntries(
        paths.map(path => [path, information(origin, container, path, 'rcw')]),
      ),
      errors: {},
    };
  });
  scope.get<ArtifactRoute>(`${base}/contentinfo`, async request => {
    const { origin, container } = request.params;
    const path = artifactPath(request.query.path);
    if (!(await blobs.exists(artifactContainer, `${origin}/${container}/${path}`)))
      throw new PlaneRefusal(404, `Artifact ${path} was not found in ${origin}/${container}.`);
    return information(origin, container, path, 'r');
  });
  scope.get<ArtifactRoute>(base, async request => {
    const { origin, container } = request.params;
    const prefix = `${origin}/${container}/`;
    const found = await blobs.list(artifactContainer, prefix + (request.query.path ?? ''));
    return {
      value: found.map(blob => ({ artifactId: blob.path, origin, container, path: blob.path.slice(prefix.length) })),
      continuationToken: null,
    };
  });
}

/** A path within its container. @throws ArmError 400 for one that would leave it, and for none */
export function artifactPath(given: unknown): string {
  const path = typeof given === 'string' ? given : '';
  if (path === '' || path.split('/').some(segment => segment === '.' || segment === '..'))
    throw userError(`The artifact path '${path}' is not valid.`, { target: 'path' });
  return path.replace(/^\/+/, '');
}

/** The paths of a request for places to upload to, `{paths: [{path}]}`. @throws ArmError 400 */
export function artifactPaths(body: Body | undefined): string[] {
  const paths = body?.paths ?? [];
  if (!Array.isArray(paths)) throw userError('The value of paths must be a list.', { target: 'paths' });
  return paths.map((item: unknown) => artifactPath((item as { path?: unknown } | null)?.path));
}
