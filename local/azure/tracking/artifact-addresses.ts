import type { FastifyRequest } from 'fastify';
import { datastoreUri } from '../assets/data-uri';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { artifactContainer } from '../workspace/datastores';
import type { Run, RunStore } from './run-store';

/** Under which URIs MLflow's answers name the files of runs and models: what the client at hand can follow. */
export interface ArtifactAddresses {
  ofRun(run: Run): string;
  /** Of a model version's files. */
  ofPlace(place: BlobPlace): string;
}

/** For the plain client: through the artifact API of this server. */
export const proxiedAddresses: ArtifactAddresses = {
  ofRun: run => `mlflow-artifacts:/${run.experimentId}/${run.id}/artifacts`,
  ofPlace: place => {
    const ofRun = runPlace(place);
    if (ofRun) return `mlflow-artifacts:/0/${ofRun.run}/artifacts/${ofRun.path}`;
    const logged = place.container === artifactContainer ? /^ExperimentRun\/models\/([^/]+)\/$/.exec(place.path) : null;
    if (logged) return `mlflow-artifacts:/0/models/${logged[1] ?? ''}/artifacts`;
    return `mlflow-artifacts:/0/blobs/artifacts/${place.container}/${place.path}`;
  },
};

/** As Azure ML gives them, for clients with the plug-in azureml-mlflow: it calls run history for the files of a run. */
export function azureAddresses(context: AzureContext, runs: RunStore): ArtifactAddresses {
  const root = (run: Run): string => {
    const experiment = encodeURIComponent(runs.experiment(run.experimentId)?.name ?? run.experimentId);
    const { host } = new URL(context.baseUrl);
    return `azureml://${host}/mlflow/v2.0${context.workspaceArmId}/experiments/${experiment}/runs/${run.id}/artifacts`;
  };
  return {
    ofRun: root,
    ofPlace: place => {
      const ofRun = runPlace(place);
      const run = ofRun && runs.run(ofRun.run);
      if (run) return `${root(run)}/${ofRun.path}`;
      return place.container === artifactContainer ? `azureml://artifacts/${place.path}` : datastoreUri(context, place);
    },
  };
}

/** Whether a request comes from MLflow with azureml-mlflow, which says so in its headers and speaks to the v2.0 address. */
export function hasPlugin(request: FastifyRequest): boolean {
  return /azureml-mlflow\//.test(request.headers['user-agent'] ?? '') && /^\/mlflow\/v2\.0\//i.test(request.url);
}

function runPlace(place: BlobPlace): { run: string; path: string } | undefined {
  const match = place.container === artifactContainer ? /^ExperimentRun\/dcid\.([^/]+)\/(.*)$/.exec(place.path) : null;
  return match ? { run: match[1] ?? '', path: (match[2] ?? '').replace(/\/$/, '') } : undefined;
}
