import { TaskError } from '../task-error';
import type { Cluster } from './cluster';
import { checksumAnnotation } from './config-marks';
import type { PlannedObject, PlannedPair } from './config-plan';
import type { Redirection } from './config-references';
import { contentChecksum, type ConfigContent, type ConfigUse } from './consumers';
import { listWorkloads, workloadName, type Workload, type WorkloadId } from './workloads';

/** Whose pods are restarted: all that read the content, or those that the user names. */
export type ConsumerChoice =
  | { readonly kind: 'found' }
  | { readonly kind: 'listed'; readonly workloads: readonly WorkloadId[] }
  | { readonly kind: 'selected'; readonly labelSelector: string };

/** A workload whose pods take our content. */
export interface Consumer {
  readonly workload: Workload;
  /** For each ConfigMap with its Secret: annotation on the pod template, and checksum of what it reads afterwards. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Versions of immutable objects that it has to read instead of others. */
  readonly redirections: readonly Redirection[];
  /** It runs with other content than it will read after the write. */
  readonly stale: boolean;
  /** How it takes the content, for people; empty when it was listed and does not read it. */
  readonly ways: string;
}

/**
 * The workloads that the choice means, with what is to be done about each.
 * @throws TaskError for a listed workload that is not there, or a selector that finds none
 */
export async function findConsumers(
  cluster: Cluster,
  namespace: string,
  plans: readonly PlannedPair[],
  choice: ConsumerChoice,
): Promise<{ consumers: Consumer[]; leftOut: Workload[] }> {
  const workloads = await listWorkloads(
    cluster,
    namespace,
    choice.kind === 'selected' ? choice.labelSelector : undefined,
  );
  const named = (one: Workload) => choice.kind !== 'found' && chosen(one, choice);
  refuseMissing(workloads, namespace, choice);
  const consumers = workloads.flatMap(workload => {
    const consumer = consumerOf(workload, plans, named(workload));
    return consumer ? [consumer] : [];
  });
  if (choice.kind !== 'listed') return { consumers, leftOut: [] };
  const ours = consumers.filter(({ workload }) => named(workload));
  return { consumers: ours, leftOut: consumers.filter(one => !ours.includes(one)).map(one => one.workload) };
}

function chosen(workload: Workload, choice: ConsumerChoice): boolean {
  if (choice.kind !== 'listed') return true;
  return choice.workloads.some(({ kind, name }) => kind === workload.kind && name === workload.name);
}

function refuseMissing(workloads: readonly Workload[], namespace: string, choice: ConsumerChoice): void {
  if (choice.kind === 'selected' && workloads.length === 0) {
    throw new TaskError(
      `consumers: no workload in namespace ${namespace} carries the labels ${choice.labelSelector}. The labels of the Deployment itself count, not those of its pods.`,
      { code: 'GuardianNotFound' },
    );
  }
  if (choice.kind !== 'listed') return;
  const absent = choice.workloads.filter(id => !workloads.some(one => one.kind === id.kind && one.name === id.name));
  if (absent.length === 0) return;
  throw new TaskError(
    `consumers: namespace ${namespace} has no ${absent.map(workloadName).join(', ')}. It has: ${workloads.map(workloadName).join(', ') || 'none'}.`,
    { code: 'GuardianNotFound' },
  );
}

/** @param named the user says that it is one, whatever it reads */
function consumerOf(workload: Workload, plans: readonly PlannedPair[], named: boolean): Consumer | undefined {
  const states = plans.flatMap(plan => {
    const uses = usesOf(workload, plan);
    const reads = uses.length > 0 ? uses : named ? everythingOf(plan) : [];
    return reads.length === 0 ? [] : [{ plan, uses, checksum: checksumAfter(reads, plan), reads }];
  });
  if (states.length === 0) return undefined;
  const redirections = states.flatMap(({ plan }) => plan.objects.flatMap(one => redirectionsTo(one, workload.uses)));
  const stale = states.some(({ plan, checksum, reads }) => {
    const carried = workload.annotations[checksumAnnotation(plan.pair.configMapName)];
    if (carried !== undefined) return carried !== checksum;
    // A workload without our checksum has never been restarted by us: it has today's content, unless that changes now
    // or an earlier run changed it and was stopped before the restart.
    const before = plan.objects.map(one => ({ ...one.current, name: one.base.name }));
    return plan.pending || contentChecksum(reads, before) !== checksum;
  });
  return {
    workload,
    annotations: Object.fromEntries(
      states.map(({ plan, checksum }) => [checksumAnnotation(plan.pair.configMapName), checksum]),
    ),
    redirections,
    // Each run of a CronJob reads anew, so that only its references can be out of date.
    stale: workload.kind === 'CronJob' ? redirections.length > 0 : stale || redirections.length > 0,
    ways: describeWays(states.flatMap(({ uses }) => uses)),
  };
}

/** The checksum of what a workload reads of a pair as it is now, when it reads any of it. */
export function checksumOf(
  workload: Workload,
  plan: PlannedPair,
  contents: readonly ConfigContent[],
  named: boolean,
): string | undefined {
  const uses = usesOf(workload, plan);
  return contentChecksum(uses.length > 0 ? uses : named ? everythingOf(plan) : [], contents);
}

function checksumAfter(uses: readonly Pick<ConfigUse, 'kind' | 'name' | 'keys'>[], plan: PlannedPair): string {
  return (
    contentChecksum(
      uses,
      plan.objects.map(one => one.after),
    ) ?? ''
  );
}

/** What a workload reads of a pair, under the names that the user knows. */
function usesOf(workload: Workload, plan: PlannedPair): ConfigUse[] {
  return workload.uses.flatMap(use => {
    const object = plan.objects.find(one => isOf(one, use));
    return object ? [{ ...use, name: object.base.name }] : [];
  });
}

function isOf({ base, current, target, versioned }: PlannedObject, { kind, name }: ConfigUse): boolean {
  if (kind !== base.kind) return false;
  if ([base.name, current.name, target.name].includes(name)) return true;
  return versioned && name.startsWith(`${base.name}-`) && /^[0-9a-f]{8}$/.test(name.slice(base.name.length + 1));
}

function redirectionsTo(object: PlannedObject, uses: readonly ConfigUse[]): Redirection[] {
  if (!object.versioned) return [];
  const { kind, name: to } = object.target;
  return uses.filter(use => isOf(object, use) && use.name !== to).map(use => ({ kind, from: use.name, to }));
}

function everythingOf(plan: PlannedPair): { kind: ConfigUse['kind']; name: string; keys: 'all' }[] {
  return plan.objects.map(({ base }) => ({ kind: base.kind, name: base.name, keys: 'all' as const }));
}

function describeWays(uses: readonly ConfigUse[]): string {
  return uses.map(({ kind, ways }) => `${kind} by ${ways.join(', ')}`).join('; ');
}
