import type { ModelStore } from '../azure/assets/models';
import type { BlobStore } from '../azure/blob/blob-store';
import type { ComputeRecord } from '../azure/compute/compute-record';
import type { Nodes } from '../azure/compute/nodes';
import type { JobStore } from '../azure/jobs/job-record';
import type { EndpointStore } from '../azure/online-endpoints/endpoint-store';
import type { RunStore } from '../azure/tracking/run-store';
import { minuteOf, type EndpointMeter } from '../azure/monitor/endpoint-meter';
import type { LocalAzure } from '../azure/server';
import type { LocalDescription } from '../description';
import type { Collection } from '../journal';
import type { ObjectStore } from '../kubernetes/objects/object-store';
import type { RecentRequests } from './recent-requests';

/** How many answers of one status a deployment gave. */
export interface AnswerCount {
  deployment: string;
  status: number;
  count: number;
}

/** What the page shows: the stores themselves, read where they are. */
export interface PageParts {
  description: LocalDescription;
  kubernetesUrl: string;
  jobs: JobStore;
  runs: RunStore;
  models: ModelStore;
  endpoints: EndpointStore;
  computes: Collection<ComputeRecord>;
  blobs: BlobStore;
  /** The nodes of a compute, if a job ever needed some. */
  nodes: (compute: string) => Nodes['state'] | undefined;
  /** Instances of a deployment that answer now. */
  readyInstances: (endpoint: string, deployment: string) => number;
  /** What the deployments of an endpoint answered in the last minutes, as the router saw it. */
  recentAnswers: (endpoint: string, minutes: number) => Promise<AnswerCount[]>;
  /** The objects of local Kubernetes; absent when a real cluster stands for it. */
  cluster?: ObjectStore;
  /** Absent without a request log. */
  requests?: RecentRequests;
}

/** The parts of a running cloud that the page reads. */
export function pageParts(
  azure: Pick<LocalAzure, 'stores'>,
  o: {
    description: LocalDescription;
    kubernetesUrl: string;
    cluster: ObjectStore | undefined;
    requests: RecentRequests | undefined;
  },
): PageParts {
  const { jobs, runs, models, blobs, computes, nodes, endpoints, meter } = azure.stores;
  const { description, kubernetesUrl, cluster, requests } = o;
  return {
    description,
    kubernetesUrl,
    jobs,
    runs,
    models,
    blobs,
    computes,
    nodes,
    endpoints: endpoints.store,
    readyInstances: (endpoint, deployment) =>
      endpoints.fleet.instances(endpoint, deployment).filter(({ isReady }) => isReady).length,
    recentAnswers: (endpoint, minutes) => recentAnswers(meter, endpoint, minutes),
    ...(cluster ? { cluster } : {}),
    ...(requests ? { requests } : {}),
  };
}

/** Requests by deployment and status, summed over the minutes. */
async function recentAnswers(meter: EndpointMeter, endpoint: string, minutes: number): Promise<AnswerCount[]> {
  const now = minuteOf(Date.now());
  const counts = new Map<string, AnswerCount>();
  for (const { dimensions, sum } of await meter.points(endpoint, 'RequestsPerMinute', now - minutes + 1, now + 1)) {
    const [deployment = '', status = ''] = dimensions;
    const known = counts.get(`${deployment}/${status}`);
    if (known) known.count += sum;
    else counts.set(`${deployment}/${status}`, { deployment, status: Number(status), count: sum });
  }
  return [...counts.values()].sort((a, b) => a.status - b.status);
}
