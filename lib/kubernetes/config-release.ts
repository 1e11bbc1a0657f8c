import type { TaskHost } from '../host/task-host';
import { attempt } from '../host/attempt';
import { TaskError } from '../task-error';
import type { Cluster } from './cluster';
import { findConsumers, type Consumer, type ConsumerChoice } from './config-consumers';
import { needsWrite, planPair, type PlannedPair, type PlanRules, type WantedConfig } from './config-plan';
import { printPlans, refuseConflicts, refuseImpossible } from './config-report';
import { awaitConsumers, followOthers, replaceStuckPods, restartConsumers } from './config-restarts';
import { isTouched, keepCurrent, markProven, pointToVersion, writePlanned } from './config-writes';
import { isOwnershipConflict, isStaleWrite } from './kubernetes-error';
import { collectSnapshots, collectVersions, readSnapshot } from './snapshots';
import { workloadName, type Workload } from './workloads';

export interface ReleaseRules extends PlanRules {
  /** Whose pods restart; undefined restarts nobody. */
  readonly consumers: ConsumerChoice | undefined;
  /** For all rollouts together. */
  readonly timeoutMilliseconds: number;
  /** When a rollout fails: bring content and pods back to what they were, or leave both at the new content. */
  readonly onRolloutFailure: 'restore' | 'keep';
  /** How many old contents stay. */
  readonly keepSnapshots: number;
  /** Print what would be written, and write nothing. */
  readonly whatIf: boolean;
}

/** What was done in one namespace, or with whatIf would be. */
export interface ConfigRelease {
  readonly pairs: readonly PlannedPair[];
  readonly consumers: readonly Consumer[];
  /** Workloads that read the content, but are not among those that the user has listed. */
  readonly leftOut: readonly Workload[];
  readonly changed: boolean;
  /** It brings back what was there before a failure. */
  readonly restoring?: true;
}

/** So often somebody else may be faster between our reading and our writing. */
const maximumPlans = 5;

/**
 * Makes ConfigMaps and Secrets of one namespace hold what is wanted, restarts the workloads whose content changed (each
 * once, whatever changed), and waits until they run with it. When they do not get there, content and pods go back.
 *
 * Each write is safe to be the last one of a killed run: what was there before is kept first, the content carries the
 * mark that its consumers are not proven with it, and the next run goes on from there.
 * @throws TaskError that says what happened and what stands now
 */
export async function releaseConfigs(
  cluster: Cluster,
  namespace: string,
  wanted: readonly WantedConfig[],
  rules: ReleaseRules,
  host: TaskHost,
): Promise<ConfigRelease> {
  for (let plans = 1; ; plans++) {
    const release = await prepare(cluster, namespace, wanted, rules, host);
    if (rules.whatIf) {
      host.info(whatIfText(release));
      return release;
    }
    try {
      await carryOut(cluster, namespace, release, rules, host);
      return release;
    } catch (error) {
      if (plans < maximumPlans && (isStaleWrite(error) || isOwnershipConflict(error))) {
        host.info('Somebody else wrote at the same time; reading again.');
        continue;
      }
      throw await afterFailure(cluster, namespace, release, rules, host, error);
    }
  }
}

/**
 * Reads everything and lets the API server check every write, without writing and without a word.
 * @throws TaskError for whatever would stop the release before its first write
 */
export async function planRelease(
  cluster: Cluster,
  namespace: string,
  wanted: readonly WantedConfig[],
  rules: ReleaseRules,
): Promise<ConfigRelease> {
  const pairs: PlannedPair[] = [];
  for (const one of wanted) pairs.push(await planPair(cluster, one, rules));
  refuseImpossible(pairs, rules);
  refuseConflicts(pairs, rules);
  const changed = pairs.some(pair => pair.objects.some(object => object.changes.length > 0));
  if (!rules.consumers) return { pairs, consumers: [], leftOut: [], changed };
  const found = await findConsumers(cluster, namespace, pairs, rules.consumers);
  // Content that nobody may be restarted for is better not written.
  await restartConsumers(cluster, namespace, found.consumers, { dryRun: true });
  return { pairs, ...found, changed };
}

async function prepare(
  cluster: Cluster,
  namespace: string,
  wanted: readonly WantedConfig[],
  rules: ReleaseRules,
  host: TaskHost,
): Promise<ConfigRelease> {
  const release = await planRelease(cluster, namespace, wanted, rules);
  const { pairs, consumers, leftOut, changed } = release;
  printPlans(pairs, rules, host);
  for (const { workload, ways } of consumers) if (ways) host.info(`${workloadName(workload)} reads ${ways}`);
  if (changed && !rules.consumers) {
    host.info(
      'Nothing is restarted, as restartConsumers says: variables and files mounted by subPath stay as they are in running pods.',
    );
  }
  if (changed && leftOut.length > 0) {
    const names = leftOut.map(workloadName).join(', ');
    host.warn(`Not listed in consumers, but reading this content: ${names}. Their running pods keep the old one.`);
  }
  return release;
}

async function carryOut(
  cluster: Cluster,
  namespace: string,
  release: ConfigRelease,
  rules: ReleaseRules,
  host: TaskHost,
): Promise<void> {
  const { pairs, consumers } = release;
  const stale = consumers.some(consumer => consumer.stale);
  for (const pair of pairs.filter(one => one.objects.some(object => object.changes.length > 0))) {
    await keepCurrent(cluster, pair);
  }
  for (const pair of pairs) {
    for (const object of pair.objects.filter(needsWrite)) {
      const pending = rules.consumers ? stale : pair.pending;
      await writePlanned(cluster, pair, object, { pending, force: rules.onConflict === 'force' });
    }
  }
  await restartConsumers(cluster, namespace, consumers, { report: name => host.info(`Restarted ${name}`) });
  for (const object of pairs.flatMap(pair => pair.objects)) await pointToVersion(cluster, object);
  if (stale) await followOthers(cluster, namespace, pairs, consumers, host);
  if (release.restoring) await replaceStuckPods(cluster, namespace, consumers, host);
  await awaitConsumers(cluster, namespace, consumers, rules.timeoutMilliseconds, host);
  // Without restarts nothing is proven.
  const touched = rules.consumers ? pairs.flatMap(pair => pair.objects).filter(isTouched) : [];
  for (const object of touched) await markProven(cluster, object);
  if (!release.changed || release.restoring) return;
  for (const { pair, objects } of pairs) {
    await attempt(host, async () => {
      await collectSnapshots(cluster, pair, rules.keepSnapshots);
      if (objects.some(one => one.versioned)) await collectVersions(cluster, pair, rules.keepSnapshots);
    });
  }
}

/** Brings content and pods back where that is wanted and possible. @returns the error that tells all of it */
async function afterFailure(
  cluster: Cluster,
  namespace: string,
  { pairs }: ConfigRelease,
  rules: ReleaseRules,
  host: TaskHost,
  error: unknown,
): Promise<unknown> {
  const touched = pairs.filter(pair => pair.objects.some(isTouched));
  if (touched.length === 0) return error;
  if (host.signal.aborted) {
    host.info('What is written stays; the next run finds it and finishes it.');
    return error;
  }
  if (!(error instanceof TaskError) || error.errorCode === 'GuardianConflict') return error;
  if (rules.onRolloutFailure === 'keep') {
    return explained(
      error,
      'The new content stays in place, as onRolloutFailure says, and the restart goes on. When the cause is removed, run the task again: it waits for the same restart and starts no new one.',
    );
  }
  const wanted: WantedConfig[] = [];
  for (const { pair, lastGood } of touched) {
    const snapshot = await readSnapshot(cluster, pair, lastGood).catch(() => undefined);
    // Killed before the snapshot was written, nothing else was either.
    if (snapshot) wanted.push({ pair, entries: snapshot.entries, provenance: snapshot });
  }
  if (wanted.length === 0) return error;
  host.warn(`${error.message}\nBringing content and pods back to what they were.`);
  try {
    await restore(cluster, namespace, wanted, touched, rules, host);
  } catch (second) {
    return explained(
      error,
      `Bringing content and pods back did not succeed either: ${second instanceof Error ? second.message : String(second)}\nRun the task again with the former or with corrected values; it goes on from what is there.`,
    );
  }
  const revisions = touched.map(({ pair, lastGood }) => `${pair.configMapName} at revision ${lastGood}`).join(', ');
  return explained(error, `Content and pods are back to what they were (${revisions}).`);
}

/** The same as a release, of what the snapshots hold, under the number that it had. */
async function restore(
  cluster: Cluster,
  namespace: string,
  wanted: readonly WantedConfig[],
  touched: readonly PlannedPair[],
  rules: ReleaseRules,
  host: TaskHost,
): Promise<void> {
  for (let plans = 1; ; plans++) {
    const back: ReleaseRules = { ...rules, onConflict: 'force', removeUnlisted: true, whenImmutable: 'version' };
    const planned = await prepare(cluster, namespace, wanted, back, host);
    const pairs = planned.pairs.map(plan => {
      const lastGood = touched.find(one => one.pair === plan.pair)?.lastGood ?? plan.lastGood;
      return { ...plan, lastGood, revision: lastGood, pending: true };
    });
    try {
      await carryOut(cluster, namespace, { ...planned, pairs, restoring: true }, back, host);
      return;
    } catch (error) {
      if (plans >= maximumPlans || !isStaleWrite(error)) throw error;
    }
  }
}

function explained(error: TaskError, more: string): TaskError {
  return new TaskError(`${error.message}\n${more}`, { code: error.errorCode, cause: error });
}

function whatIfText({ pairs, consumers }: ConfigRelease): string {
  const writes = pairs.flatMap(({ objects }) =>
    objects.filter(needsWrite).map(({ target }) => `apply ${target.kind} ${target.namespace}/${target.name}`),
  );
  const restarts = consumers.filter(one => one.stale).map(({ workload }) => `restart ${workloadName(workload)}`);
  const all = [...writes, ...restarts];
  return all.length === 0 ? 'What if: nothing would change' : `What if, this would be done:\n- ${all.join('\n- ')}`;
}
