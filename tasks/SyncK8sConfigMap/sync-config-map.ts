import { createHash } from 'node:crypto';
import { kubernetesAccess } from '../../lib/connection/kubernetes-connection';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { openCluster, type Cluster } from '../../lib/kubernetes/cluster';
import { entryProblems, type ConfigEntry } from '../../lib/kubernetes/config-change';
import type { ConfigKind } from '../../lib/kubernetes/consumers';
import { restartWorkload, workloadName } from '../../lib/kubernetes/workloads';
import { TaskError } from '../../lib/task-error';
import { needsWrite, planWrite, printPlan, settleConflicts, write, type PlannedWrite } from './config-writes';
import { resolveEntries } from './endpoint-values';
import type { SyncInputs } from './inputs';
import { awaitConsumers, findConsumers, reads, type Consumer } from './restarts';
import { summaryOf } from './summary';

/** Takes the entries from where they refer to, and opens the cluster. */
export async function syncConfigMap(inputs: SyncInputs, host: TaskHost): Promise<Outcome> {
  const access = await kubernetesAccess(inputs.kubernetesConnection, host);
  const namespace = inputs.namespace ?? access.namespace ?? 'default';
  host.info(`Cluster ${access.server}, namespace ${namespace}, as ${access.user}`);
  const entries = await resolveEntries(host, inputs);
  return syncInto(await openCluster(access, host.clock, host.signal), namespace, entries, inputs, host);
}

/** Writes the entries into ConfigMap and Secret, restarts what reads them, and waits. */
export async function syncInto(
  cluster: Cluster,
  namespace: string,
  entries: readonly ConfigEntry[],
  inputs: SyncInputs,
  host: TaskHost,
): Promise<Outcome> {
  const problems = entryProblems(entries);
  if (problems.length > 0) throw new TaskError(`Kubernetes would refuse the entries: ${problems.join('; ')}.`);
  const plans = await planWrites(cluster, namespace, entries, inputs);
  settleConflicts(plans, inputs.onConflict, host);
  for (const plan of plans) printPlan(plan, host);
  const consumers = inputs.restartConsumers ? await findConsumers(cluster, namespace, plans) : [];
  const stale = consumers.filter(consumer => consumer.stale);
  const changed = plans.some(plan => plan.changes.length > 0);
  // Content that nobody may be restarted for is better not written.
  for (const { workload, checksum } of stale) {
    await restartWorkload(cluster, namespace, workload, { checksum, dryRun: true });
  }

  if (inputs.whatIf) {
    host.info(whatIfText(plans, stale));
    return { result: 'succeeded', message: 'What if: nothing was written' };
  }

  try {
    await writeAll(cluster, plans, stale, inputs.onConflict === 'force');
    for (const consumer of stale) {
      await restartWorkload(cluster, namespace, consumer.workload, consumer);
      host.info(`Restarted ${workloadName(consumer.workload)}`);
    }
    await clearPending(cluster, plans, stale);
  } catch (error) {
    if (host.signal.aborted) host.info('What is written stays; the next run finds it and restarts what is left.');
    throw error;
  }
  setOutputs(host, plans, entries, changed, stale);

  const waited = consumers.filter(one => one.stale || (one.workload.checksum && one.workload.rollout.state !== 'done'));
  if (waited.length > 0) {
    await awaitConsumers(cluster, namespace, waited, inputs.rolloutTimeoutInMinutes, host);
  }
  host.progress(100, 'Done');
  await host.summary(`Configuration ${inputs.configMapName}`, summaryOf(namespace, plans, consumers));
  return { result: 'succeeded', message: resultText(changed, stale, consumers) };
}

async function planWrites(
  cluster: Cluster,
  namespace: string,
  entries: readonly ConfigEntry[],
  inputs: SyncInputs,
): Promise<PlannedWrite[]> {
  const inSecret = (entry: ConfigEntry) => entry.secret && inputs.secretsIn === 'secret';
  const plan = (kind: ConfigKind, name: string, part: ConfigEntry[]) =>
    planWrite(cluster, { kind, namespace, name }, part);
  const plans = [
    await plan('Secret', inputs.secretName, entries.filter(inSecret)),
    await plan(
      'ConfigMap',
      inputs.configMapName,
      entries.filter(entry => !inSecret(entry)),
    ),
  ];
  return plans.filter(one => one !== undefined);
}

/** The Secret first: an application that restarts on the new ConfigMap must find its keys there. */
async function writeAll(
  cluster: Cluster,
  plans: readonly PlannedWrite[],
  stale: readonly Consumer[],
  force: boolean,
): Promise<void> {
  for (const plan of plans.filter(needsWrite)) {
    await write(cluster, plan, { force, restartPending: restartsFollow(plan, stale) });
  }
}

async function clearPending(
  cluster: Cluster,
  plans: readonly PlannedWrite[],
  stale: readonly Consumer[],
): Promise<void> {
  const marked = plans.filter(plan => plan.restartPending || (needsWrite(plan) && restartsFollow(plan, stale)));
  for (const plan of marked) await write(cluster, plan, { force: false, restartPending: false });
}

function restartsFollow(plan: PlannedWrite, stale: readonly Consumer[]): boolean {
  return stale.some(consumer => reads(consumer.workload, plan));
}

function setOutputs(
  host: TaskHost,
  plans: readonly PlannedWrite[],
  entries: readonly ConfigEntry[],
  changed: boolean,
  stale: readonly Consumer[],
): void {
  const nameOf = (kind: ConfigKind) => plans.find(plan => plan.target.kind === kind)?.target.name ?? '';
  const content = [...entries].sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, value }) => [key, value]);
  host.setOutput('configMapName', nameOf('ConfigMap'));
  host.setOutput('secretName', nameOf('Secret'));
  host.setOutput('contentHash', createHash('sha256').update(JSON.stringify(content)).digest('hex'));
  host.setOutput('changed', String(changed));
  host.setOutput('restarted', stale.map(consumer => workloadName(consumer.workload)).join(','));
}

function whatIfText(plans: readonly PlannedWrite[], stale: readonly Consumer[]): string {
  const writes = plans
    .filter(needsWrite)
    .map(({ target }) => `apply ${target.kind} ${target.namespace}/${target.name}`);
  const restarts = stale.map(consumer => `restart ${workloadName(consumer.workload)}`);
  const all = [...writes, ...restarts];
  return all.length === 0 ? 'What if: nothing would change' : `What if, this would be done:\n- ${all.join('\n- ')}`;
}

function resultText(changed: boolean, stale: readonly Consumer[], consumers: readonly Consumer[]): string {
  const restarts =
    stale.length > 0
      ? `restarted ${stale.map(consumer => workloadName(consumer.workload)).join(', ')}`
      : consumers.length > 0
        ? 'nothing to restart'
        : 'no restarts';
  return `${changed ? 'Configuration written' : 'Configuration unchanged'}, ${restarts}`;
}
