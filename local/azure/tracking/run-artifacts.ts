import type { FastifyInstance } from 'fastify';
import { artifactPrefix } from '../assets/data-uri';
import type { AzureContext } from '../context';
import type { Body } from '../jobs/body-fields';
import { artifactContainer } from '../workspace/datastores';
import { contentLink } from './content-links';
import type { TrackingParts } from './mlflow';
import type { Run } from './run-store';
import { artifactPath, artifactPaths } from './upload-artifacts';
import { PlaneRefusal } from './workspace-plane';

/** Hours that the links to artifacts are good. */
const linkHours = 24;

interface RunParams {
  Params: { run: string };
}

/** The artifact routes of run history: list, links to read, places to write. */
export function registerRunArtifacts(scope: FastifyInstance, context: AzureContext, parts: TrackingParts): void {
  const { blobs } = context;
  const information = (run: Run, path: string, permissions: string): Record<string, unknown> => ({
    contentUri: contentLink(context, artifactContainer, artifactPrefix(run.id) + path, permissions, linkHours),
    origin: 'ExperimentRun',
    container: `dcid.${run.id}`,
    path,
  });
  for (const base of ['/runs/:run', '/experiments/:experiment/runs/:run', '/experimentids/:experimentId/runs/:run']) {
    scope.get<RunParams & { Querystring: { path?: string } }>(`${base}/artifacts`, async request => {
      const run = requireRun(parts, request.params.run);
      const prefix = artifactPrefix(run.id);
      const found = await blobs.list(artifactContainer, prefix + (request.query.path ?? ''));
      return {
        value: found.map(blob => {
          const path = blob.path.slice(prefix.length);
          return {
            artifactId: `ExperimentRun/dcid.${run.id}/${path}`,
            origin: 'ExperimentRun',
            container: `dcid.${run.id}`,
            path,
            size: blob.size,
          };
        }),
        continuationToken: null,
      };
    });
    scope.get<RunParams & { Querystring: { path?: string } }>(`${base}/artifacts/contentinfo`, async request => {
      const run = requireRun(parts, request.params.run);
      const path = artifactPath(request.query.path);
      if (!(await blobs.exists(artifactContainer, artifactPrefix(run.id) + path))) {
        throw new PlaneRefusal(404, `Artifact ${path} of run ${run.id} was not found.`);
      }
      return information(run, path, 'r');
    });
    scope.get<RunParams & { Querystring: { path?: string } }>(`${base}/artifacts/prefix/contentinfo`, async request => {
      const run = requireRun(parts, request.params.run);
      const prefix = artifactPrefix(run.id);
      const found = await blobs.list(artifactContainer, prefix + (request.query.path ?? ''));
      return {
        value: found.map(blob => information(run, blob.path.slice(prefix.length), 'r')),
        continuationToken: null,
      };
    });
    scope.post<RunParams & { Body: Body | undefined }>(`${base}/artifacts/batch/metadata`, request => {
      const run = requireRun(parts, request.params.run);
      const paths = artifactPaths(request.body);
      return {
        artifacts: {},
        artifactContentInformation: Object.fromEntries(paths.map(path => [path, information(run, path, 'rcw')])),
        errors: {},
      };
    });
  }
}

/** @throws PlaneRefusal 404 */
export function requireRun(parts: TrackingParts, id: string): Run {
  const run = parts.runs.run(id);
  if (!run) throw new PlaneRefusal(404, `Run ${id} was not found.`);
  return run;
}
