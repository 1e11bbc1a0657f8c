import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { diffLine, entryProblems, isSecret, shown, sizeProblem } from './config-change';
import type { PlannedObject, PlannedPair, PlanRules } from './config-plan';

/** @throws TaskError that lists everything for which the API server would refuse the write */
export function refuseImpossible(plans: readonly PlannedPair[], { whenImmutable }: PlanRules): void {
  const objects = plans.flatMap(plan => plan.objects);
  const problems = objects.flatMap(object => [
    ...entryProblems(object.entries).map(problem => `${object.base.kind} ${object.base.name}: ${problem}`),
    ...(object.changes.length > 0 ? [sizeProblem(object.after)].filter(one => one !== undefined) : []),
  ]);
  if (problems.length > 0) {
    throw new TaskError(`Kubernetes would refuse the entries: ${problems.join('; ')}.`, { code: 'GuardianInput' });
  }
  const fixed = objects.filter(({ versioned, changes }) => versioned && changes.length > 0);
  if (fixed.length > 0 && whenImmutable === 'fail') {
    const names = fixed.map(({ base, current }) => `${base.kind} ${current.name}`).join(', ');
    const keys = fixed.flatMap(({ changes }) => changes.map(change => change.key)).join(', ');
    throw new TaskError(
      `${names} ${fixed.length === 1 ? 'is' : 'are'} immutable, so ${keys} cannot change there; nothing was written. Set whenImmutable to version: then the content goes into a new immutable object that is named for it, and the consumers read that one.`,
      { code: 'GuardianRefused' },
    );
  }
}

/** @throws TaskError that names owner, field and both values, unless the keys may be taken over or left alone */
export function refuseConflicts(plans: readonly PlannedPair[], { onConflict }: PlanRules): void {
  const lines = plans.flatMap(plan => plan.objects.flatMap(conflictLines));
  if (lines.length === 0 || onConflict !== 'fail') return;
  throw new TaskError(
    `Somebody else has set ${lines.length === 1 ? 'this key' : 'these keys'} to another value, so nothing was written:\n${lines.join('\n')}\nLeave the key out of the entries, have its owner give it up, or set onConflict: force takes the key over, skip writes the others and leaves it as it is.`,
    { code: 'GuardianConflict' },
  );
}

/** Says what happens to keys that others own, and prints what changes, key by key, secret values masked. */
export function printPlans(plans: readonly PlannedPair[], { onConflict }: PlanRules, host: TaskHost): void {
  const objects = plans.flatMap(plan => plan.objects);
  const conflicts = objects.flatMap(conflictLines).join('\n');
  const settled =
    onConflict === 'force'
      ? 'Taking over what others own'
      : 'Leaving to their owners what they have set to another value';
  if (conflicts !== '') host.warn(`${settled}, as onConflict says:\n${conflicts}`);
  for (const object of objects) printPlan(object, host);
}

function conflictLines({ base, current, conflicts, contested }: PlannedObject): string[] {
  return conflicts.map(({ key, owner, field }) => {
    const entry = contested.find(one => one.key === key);
    const secret = isSecret(key, base.kind, entry);
    const theirs = shown(current.data.get(key), secret);
    return `${base.kind} ${base.name}, ${key}: field ${field} is owned by "${owner}"; theirs: ${theirs}; ours: ${shown(entry?.value, secret)}`;
  });
}

function printPlan(plan: PlannedObject, host: TaskHost): void {
  const { base, target, current, changes, entries, owned } = plan;
  const version = target.name === base.name ? '' : ` as ${target.name}`;
  const close = host.group(`${base.kind} ${base.namespace}/${base.name}${version}${current.exists ? '' : ' (new)'}`);
  for (const change of changes) host.foreign(diffLine(change));
  const same = entries.length - changes.filter(change => change.kind !== 'removed').length;
  if (same > 0) host.info(`= ${same} unchanged`);
  const ours = new Set([...owned, ...entries.map(entry => entry.key)]);
  const others = [...current.data.keys()].filter(key => !ours.has(key)).length;
  if (others > 0) host.info(`${others} ${others === 1 ? 'key' : 'keys'} of others not touched`);
  close();
}
