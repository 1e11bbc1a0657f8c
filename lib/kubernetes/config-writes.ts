import { TaskError } from '../task-error';
import type { Cluster } from './cluster';
import { formatRelease, labelValue, managedBy, mark, marksOf, revisionOf } from './config-marks';
import { applyConfig, createEmpty, readConfig, type StoredConfig } from './config-object';
import { entriesOf, needsWrite, takenOver, type PlannedObject, type PlannedPair, type Provenance } from './config-plan';
import { isStaleWrite } from './kubernetes-error';
import { readSnapshot, writeSnapshot } from './snapshots';

/** Keeps what is there now, unless an unfinished run has kept it already. */
export async function keepCurrent(cluster: Cluster, plan: PlannedPair): Promise<void> {
  const kept = plan.pending ? await readSnapshot(cluster, plan.pair, plan.lastGood) : undefined;
  // What only one of the two changed for is the release of both.
  const [newest] = plan.objects.map(({ current }) => current).sort((a, b) => revisionOf(b) - revisionOf(a));
  const of = { annotations: newest?.annotations ?? {} };
  for (const object of plan.objects) {
    const { kind } = object.base;
    const taken = takenOver(object);
    if (kept && taken.length === 0) continue;
    const ours = kept ? kept.entries[kind] : ownedEntries(object);
    const entries = [...ours, ...taken.filter(({ key }) => !ours.some(one => one.key === key))];
    await writeSnapshot(cluster, plan.pair, kind, plan.lastGood, entries, of);
  }
  // The ConfigMap is what a snapshot is found by, also where only a Secret is written.
  if (!kept && !plan.objects.some(({ base }) => base.kind === 'ConfigMap')) {
    await writeSnapshot(cluster, plan.pair, 'ConfigMap', plan.lastGood, [], of);
  }
}

function ownedEntries({ current, owned }: PlannedObject): { key: string; value: string }[] {
  return owned.flatMap(key => {
    const value = current.data.get(key);
    return value === undefined ? [] : [{ key, value }];
  });
}

/**
 * Writes one object's content.
 * @param pending marks it as not proven yet, so that a run that is killed after this is finished by the next
 * @throws KubernetesError, see isStaleWrite and isOwnershipConflict, when somebody was faster
 */
export async function writePlanned(
  cluster: Cluster,
  plan: PlannedPair,
  object: PlannedObject,
  o: { pending: boolean; force: boolean },
): Promise<void> {
  const { target, current, versioned, changes } = object;
  const from = changes.length > 0 ? provenanceMarks(plan.provenance) : kept(current);
  const annotations = {
    ...from,
    [mark.revision]: String(plan.revision),
    ...(o.pending ? { [mark.restartPending]: String(plan.lastGood) } : {}),
  };
  if (!versioned) {
    const { resourceVersion } = current.exists ? current : await createEmpty(cluster, target);
    await applyConfig(cluster, target, object.entries, { force: o.force, dryRun: false, annotations, resourceVersion });
    return;
  }
  if (target.name === object.base.name) return;
  await applyConfig(cluster, target, entriesOf(object.after), {
    force: true,
    dryRun: false,
    immutable: true,
    labels: { ...managedBy, [mark.versionOf]: labelValue(object.base.name) },
    annotations: { ...annotations, [mark.keys]: JSON.stringify(object.entries.map(({ key }) => key)) },
  });
}

/** Makes a version of an immutable object the one of today; its consumers read it already. */
export async function pointToVersion(cluster: Cluster, { base, target, versioned }: PlannedObject): Promise<void> {
  if (!versioned) return;
  const original = await readConfig(cluster, base);
  const { [mark.currentVersion]: before, ...others } = marksOf(original);
  const wanted = target.name === base.name ? undefined : target.name;
  if (before === wanted) return;
  await applyConfig(cluster, base, ownedOf(original), {
    force: false,
    dryRun: false,
    immutable: original.immutable,
    annotations: { ...others, ...(wanted ? { [mark.currentVersion]: wanted } : {}) },
  });
}

/**
 * Takes the mark away that the content is not proven: all consumers run with it.
 * @throws TaskError when another run has put other content in its place meanwhile
 */
export async function markProven(cluster: Cluster, object: PlannedObject): Promise<void> {
  for (;;) {
    const live = await readConfig(cluster, object.target);
    if (!object.versioned) refuseReplaced(object, live);
    if (!(mark.restartPending in live.annotations)) return;
    const marks = Object.entries(marksOf(live)).filter(([name]) => name !== mark.restartPending);
    const annotations = Object.fromEntries(marks);
    try {
      await applyConfig(cluster, object.target, ownedOf(live), {
        force: false,
        dryRun: false,
        annotations,
        ...(live.immutable ? { immutable: true, labels: live.labels } : {}),
        resourceVersion: live.resourceVersion,
      });
      return;
    } catch (error) {
      if (!isStaleWrite(error)) throw error;
    }
  }
}

/** True while an object holds what we wrote, and nothing else of ours unless others of our runs write there too. */
function isOurs({ entries, shared }: PlannedObject, live: StoredConfig): boolean {
  const held = entries.every(({ key, value }) => live.owned.includes(key) && live.data.get(key) === value);
  return held && (shared || live.owned.length === entries.length);
}

function refuseReplaced(object: PlannedObject, live: StoredConfig): void {
  if (isOurs(object, live)) return;
  const { kind, namespace, name } = object.target;
  throw new TaskError(
    `While this run was under way, somebody else has put other content into ${kind} ${namespace}/${name}${live.annotations[mark.build] ? ` (pipeline run ${live.annotations[mark.build] ?? ''})` : ''}. The workloads follow that content. Run the task again if this run's content is to stand; run one of them at a time, for example with an exclusive lock on the environment.`,
    { code: 'GuardianConflict' },
  );
}

/** True for what a write would change, or an earlier run left unproven. */
export function isTouched(object: PlannedObject): boolean {
  return needsWrite(object) || mark.restartPending in object.current.annotations;
}

function ownedOf(live: StoredConfig): { key: string; value: string }[] {
  return live.owned.map(key => ({ key, value: live.data.get(key) ?? '' }));
}

function kept(current: StoredConfig): Record<string, string> {
  const names: readonly string[] = [mark.release, mark.build];
  return Object.fromEntries(Object.entries(current.annotations).filter(([name]) => names.includes(name)));
}

function provenanceMarks({ release, build }: Provenance): Record<string, string> {
  const releases = formatRelease(release);
  return { ...(releases ? { [mark.release]: releases } : {}), ...(build ? { [mark.build]: build } : {}) };
}
