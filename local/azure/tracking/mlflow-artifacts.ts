import type { FastifyInstance } from 'fastify';
import type { AzureContext } from '../context';
import { artifactPlace } from './artifact-place';
import { MlflowError } from './mlflow-error';
import { Fields } from './mlflow-fields';
import type { RunStore } from './run-store';

/**
 * The proxied artifact API, `artifacts` and `artifacts/{path}` below `…/api/2.0/mlflow-artifacts`: files go to the job's prefix of the artifact
 * store, where Azure ML's own clients find them as well. Bodies are streamed, so `app` must have no body parsers.
 */
export function registerMlflowArtifacts(app: FastifyInstance, context: AzureContext): void {
  const { blobs } = context;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  app.put<{ Params: { '*': string } }>('/artifacts/*', { bodyLimit: Number.MAX_SAFE_INTEGER }, async request => {
    const place = artifactPlace(request.params['*']);
    if (place.path.endsWith('/'))
      throw new MlflowError('INVALID_PARAMETER_VALUE', `Invalid path: ${request.params['*']} names no file.`);
    await blobs.putStream(place.container, place.path, request.raw, request.headers['content-type']);
    return {};
  });
  app.get<{ Params: { '*': string } }>('/artifacts/*', async (request, reply) => {
    const place = artifactPlace(request.params['*']);
    const found = await blobs.getStream(place.container, place.path);
    if (!found) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Artifact ${request.params['*']} was not found.`);
    return reply.header('content-length', found.length).type('application/octet-stream').send(found.content);
  });
  app.delete<{ Params: { '*': string } }>('/artifacts/*', async request => {
    const place = artifactPlace(request.params['*']);
    await blobs.delete(place.container, place.path);
    return {};
  });
  app.get('/artifacts', async request => {
    const path = new Fields(request.query).requiredText('path');
    const place = artifactPlace(path);
    const folder = place.path === '' || place.path.endsWith('/') ? place.path : `${place.path}/`;
    const items = await blobs.listFolder(place.container, folder);
    return {
      files: items.map(item => ({
        path: item.path.slice(folder.length).replace(/\/$/, ''),
        is_dir: item.isFolder,
        ...(item.isFolder ? {} : { file_size: item.size }),
      })),
    };
  });
}

/** `artifacts/list` of the tracking API; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowArtifactList(app: FastifyInstance, context: AzureContext, runs: RunStore): void {
  app.get('/artifacts/list', async request => {
    const fields = new Fields(request.query);
    const run = runs.run(fields.requiredText('run_id', 'run_uuid'));
    if (!run) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', 'Run not found');
    const root = artifactPlace(`${run.experimentId}/${run.id}/artifacts/`);
    const path = fields.text('path')?.replace(/\/+$/, '');
    const place = artifactPlace(`${run.experimentId}/${run.id}/artifacts/${path ?? ''}`);
    const folder = path === undefined ? place.path : `${place.path}/`;
    const items = await context.blobs.listFolder(place.container, folder);
    return {
      root_uri: `mlflow-artifacts:/${run.experimentId}/${run.id}/artifacts`,
      files: items.map(item => ({
        path: item.path.slice(root.path.length).replace(/\/$/, ''),
        is_dir: item.isFolder,
        ...(item.isFolder ? {} : { file_size: item.size }),
      })),
    };
  });
}
