import type { Collection } from '../../journal';
import { notFound } from '../arm/arm-error';
import type { AzureContext } from '../context';
import { isoDurationSeconds } from './iso-duration';
import type { Scale } from './nodes';

/** A compute of the workspace as it is kept. Durations are ISO 8601. */
export interface ComputeRecord {
  name: string;
  computeType: 'AmlCompute' | 'ComputeInstance' | 'Kubernetes';
  vmSize: string;
  vmPriority: 'Dedicated' | 'LowPriority';
  minNodes: number;
  maxNodes: number;
  /** How long a node without work stays. */
  idleTime: string;
  description: string | null;
  tags: Record<string, string>;
  location: string;
  provisioningState: 'Creating' | 'Updating' | 'Deleting' | 'Succeeded' | 'Failed';
  /** Of an attached cluster of Kubernetes: that cluster. */
  resourceId?: string;
  /** Of a compute instance. */
  state?: 'Creating' | 'Running' | 'Starting' | 'Stopping' | 'Stopped' | 'Restarting';
  /** What the client said beyond the above, kept and shown as it came. */
  given: Record<string, unknown>;
  createdAt: string;
  modifiedAt: string;
}

const clusterDefaults = {
  computeType: 'AmlCompute',
  vmSize: 'Standard_DS3_v2',
  vmPriority: 'Dedicated',
  minNodes: 0,
  maxNodes: 2,
  // The service's default. Source: docs, how-to-create-attach-compute-cluster.
  idleTime: 'PT2M',
  description: null,
  tags: {},
  provisioningState: 'Succeeded',
  given: {},
} as const;

/** Where jobs without a compute run. */
export const serverless: ComputeRecord = {
  ...clusterDefaults,
  name: 'serverless',
  maxNodes: 4,
  location: '',
  createdAt: '2025-01-01T00:00:00.000Z',
  modifiedAt: '2025-01-01T00:00:00.000Z',
};

/** The computes, seeded at the first start with the cluster that the samples name. */
export function openComputes(context: Pick<AzureContext, 'journal' | 'identity'>): Collection<ComputeRecord> {
  const computes = context.journal.collection<ComputeRecord>('computes');
  const seeded = context.journal.collection<true>('computes-seeded');
  if (!seeded.get('cpu-training-cluster')) {
    const now = new Date().toISOString();
    const { region } = context.identity;
    computes.set('cpu-training-cluster', {
      ...clusterDefaults,
      name: 'cpu-training-cluster',
      location: region,
      createdAt: now,
      modifiedAt: now,
    });
    seeded.set('cpu-training-cluster', true);
  }
  return computes;
}

/** A compute instance is one node that is there as long as it runs; an attached cluster has none that this workspace scales. */
export function scaleOf(compute: ComputeRecord): Scale {
  if (compute.computeType === 'ComputeInstance') return { minNodes: 1, maxNodes: 1, idleMilliseconds: 0 };
  if (compute.computeType === 'Kubernetes') return { minNodes: 0, maxNodes: 0, idleMilliseconds: 0 };
  // Longer than setTimeout can wait would fire at once.
  const idleMilliseconds = Math.min((isoDurationSeconds(compute.idleTime) ?? 120) * 1000, 2 ** 31 - 1);
  return { minNodes: compute.minNodes, maxNodes: compute.maxNodes, idleMilliseconds };
}

/** The name in a job's `computeId`: an ARM id of this workspace, `azureml:name`, or the name alone. */
export function computeName(reference: string): string {
  return (
    reference
      .replace(/^azureml:(?!\/)/i, '')
      .split('/')
      .at(-1) ?? reference
  );
}

/** 404 that says which computes there are; names of computes are case-sensitive. */
export function unknownCompute(name: string, computes: Collection<ComputeRecord>): Error {
  const known = [...computes.entries()].map(([, compute]) => compute.name);
  return notFound(
    `Compute with name ${name} was not found in the workspace. Computes of this workspace: ${known.join(', ')}.`,
  );
}
