import type { FastifyInstance } from 'fastify';
import { artifactPrefix } from '../assets/data-uri';
import type { AzureContext } from '../context';
import { artifactContainer } from '../workspace/datastores';
import type { TrackingParts } from './mlflow';
import type { Run } from './run-store';
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
    contentUri: blobs.sasUrl(artifactContainer, artifactPrefix(run.id) + path, permissions, linkHours),
    origin: 'ExperimentRun',
    container: `dcid.${run.id}`,
    path,
  });
  for (const base of ['/runs/:run', '/experiments/:experiment/runs/:run']) {
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
      const path = request.query.path ?? '';
      if (path === '' || !(await blobs.exists(artifactContainer, artifactPrefix(run.id) + path))) {
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
    scope.post<RunParams & { Body: { paths?: { path?: string }[] } | undefined }>(
      `${base}/artifacts/batch/metadata`,
      request => {
        const run = requireRun(parts, request.params.run);
        const paths = (request.body?.paths ?? []).map(({ path }) => path ?? '').filter(path => path !== '');
        return {
          artifacts: {},
          artifactContentInformation: Object.fromEntries(paths.map(path => [path, information(run, path, 'rcw')])),
          errors: {},
        };
      },
    );
  }
}

/** @throws PlaneRefusal 404 */
export function requireRun(parts: TrackingParts, id: string): Run {
  const run = parts.runs.run(id);
  if (!run) throw new PlaneRefusal(404, `Run ${id} was not found.`);
  return run;
}
