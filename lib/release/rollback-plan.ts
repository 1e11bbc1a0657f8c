import { inTransition, isHealthy, isOurs, isRejected, type DeploymentFacts } from './deployments';
import { currentRevision, parseTraffic, revisionHistory, type Revision } from './revisions';
import { tag, type Tags } from './tags';
import { allTo, formatTraffic, liveTraffic, sameTraffic, shareOf, type Traffic } from './traffic';

export interface EndpointFacts {
  readonly live: Traffic;
  readonly tags: Tags;
  readonly deployments: readonly DeploymentFacts[];
  /** Deployments that are gone or failed and of which it is recorded what they were made of. */
  readonly records: readonly RecordFacts[];
}

/** What the decision needs to know of a record. */
export interface RecordFacts {
  readonly name: string;
  /** `name:version` */
  readonly model: string;
  /** Why it cannot be made again, or undefined when it can. */
  readonly problem: string | undefined;
  readonly isRejected: boolean;
}

/** `previous`, the number of a revision, a model version (its name may be left out) or a deployment. */
export type RollbackTo =
  | 'previous'
  | number
  | { readonly model: string | undefined; readonly version: string }
  | { readonly deployment: string };

/** Where an endpoint goes back to. `number` is undefined for a deployment that no recorded revision names. */
export interface RollbackTarget {
  readonly number: number | undefined;
  readonly traffic: Traffic;
}

export type RollbackPlan =
  | {
      readonly kind: 'change';
      readonly from: Traffic;
      readonly fromRevision: number;
      readonly target: RollbackTarget;
      /** Deployments that lose all live traffic: what is rejected. */
      readonly replaced: readonly string[];
      /** Deployments that have to be made again before traffic can come back. */
      readonly rebuild: readonly string[];
    }
  | {
      readonly kind: 'unchanged';
      readonly revision: number;
      readonly traffic: Traffic;
      readonly why: string;
      /** The revision that traffic has come back to. */
      readonly backTo: number | undefined;
      /** What a rollback that was stopped after its change of traffic has still to mark as rejected, and where it came from. */
      readonly replaced: readonly string[];
      readonly from: Traffic;
    }
  /** A deployment that is needed is being changed by another run or an earlier one: look again. */
  | { readonly kind: 'busy'; readonly deployment: string; readonly state: string }
  | { readonly kind: 'refused'; readonly problem: string };

/**
 * What going back means for one endpoint.
 *
 * `previous` is the newest recorded revision in which what came last has no share: the deployments whose share grew in
 * the change that led to the live traffic. So allAtOnce and a promotion go back to the champion before, over the
 * promoted challenger's trial; a running trial goes back to the champion alone; and traffic that somebody changed by hand
 * goes back to what was recorded last. A revision that gives traffic to a rejected version is passed over, or a second
 * rollback would bring back what the first one took out; name a revision by its number to go there on purpose.
 *
 * A model version or a deployment gets all of the live traffic.
 */
export function planRollback(endpoint: EndpointFacts, to: RollbackTo): RollbackPlan {
  const history = revisionHistory(endpoint.tags);
  const live = liveTraffic(endpoint.live);
  const unfinished = unmarked(endpoint, live);
  if (to === 'previous' && unfinished.length > 0) {
    return unchanged(endpoint, rolledBackTo(endpoint.tags), 'a rollback that was stopped has brought it back already');
  }
  if (history.length === 0 && (typeof to === 'number' || to === 'previous')) {
    return refused('has no recorded revision: no run of DeployOnlineEndpoint has changed its traffic yet');
  }
  const found = targetOf(to, endpoint, history, live);
  if (typeof found === 'string') return refused(found);
  const what = describeTarget(found);
  if (sameTraffic(found.traffic, live)) {
    return unchanged(endpoint, found.number, `live traffic is already that of ${what}`);
  }
  const needed = Object.keys(found.traffic).map(name => needOf(name, endpoint));
  const busy = needed.find(one => one.kind === 'busy');
  if (busy) return busy;
  const problems = needed.flatMap(one => (one.kind === 'problem' ? [one.text] : []));
  if (problems.length > 0) {
    return refused(
      `cannot go back to ${what} (${formatTraffic(found.traffic)}): ${problems.join('; ')}${restorable(history, endpoint)}`,
    );
  }
  return {
    kind: 'change',
    from: live,
    fromRevision: currentRevision(endpoint.tags),
    target: found,
    replaced: Object.keys(live).filter(name => shareOf(found.traffic, name) === 0),
    rebuild: needed.flatMap(one => (one.kind === 'rebuild' ? [one.name] : [])),
  };
}

/** The plan that leaves live traffic as it is, and finishes what an earlier rollback has left to do. */
export function unchanged(endpoint: EndpointFacts, backTo: number | undefined, why: string): RollbackPlan {
  const live = liveTraffic(endpoint.live);
  return {
    kind: 'unchanged',
    revision: currentRevision(endpoint.tags),
    traffic: live,
    why,
    backTo,
    replaced: unmarked(endpoint, live),
    from: parseTraffic(endpoint.tags[tag.rollbackFrom] ?? '') ?? live,
  };
}

/** The revision that the latest rollback went back to, as it wrote it down in the same write. */
export function rolledBackTo(endpointTags: Tags): number {
  return Number(endpointTags[tag.rollbackTo] ?? '') || currentRevision(endpointTags);
}

/** `revision 3`, or the deployment where no revision is meant. */
export function describeTarget({ number, traffic }: RollbackTarget): string {
  return number === undefined ? `deployment ${Object.keys(traffic).join(', ')}` : `revision ${number}`;
}

/** What the latest change, a rollback, has taken out of the live traffic but not marked as rejected: it was killed before. */
function unmarked({ tags, deployments }: EndpointFacts, live: Traffic): string[] {
  if (tags[tag.change] !== 'rollback') return [];
  const from = parseTraffic(tags[tag.rollbackFrom] ?? '') ?? {};
  return deployments
    .filter(one => isOurs(one) && shareOf(from, one.name) > 0 && shareOf(live, one.name) === 0 && !isRejected(one))
    .map(one => one.name);
}

/** @returns where to go, or why there is no such place */
function targetOf(
  to: RollbackTo,
  endpoint: EndpointFacts,
  history: readonly Revision[],
  live: Traffic,
): RollbackTarget | string {
  if (to === 'previous') {
    const last = history.find(revision => !sameTraffic(revision.traffic, live));
    const arrivals = Object.keys(live).filter(name => shareOf(live, name) > shareOf(last?.traffic ?? live, name));
    const found = history.find(revision => isBefore(revision, arrivals) && !takesInRejected(revision, endpoint));
    return (
      found ??
      `has no earlier revision to go back to: live traffic is ${formatTraffic(live)}${recorded(history, endpoint)}`
    );
  }
  if (typeof to === 'number') {
    return history.find(revision => revision.number === to) ?? `has no revision ${to}${recorded(history, endpoint)}`;
  }
  const names = candidates(to, endpoint);
  const [first] = byUse(names, endpoint, history);
  if (first === undefined) {
    const wanted = 'deployment' in to ? `deployment ${to.deployment}` : `deployment of model ${modelText(to)}`;
    return `has no ${wanted}, and none is recorded${recorded(history, endpoint)}${deployed(endpoint)}`;
  }
  // The configuration of when it had all of the traffic, or else of when it had some.
  const alone = history.find(({ traffic }) => shareOf(traffic, first) === 100);
  const some = history.find(({ traffic }) => shareOf(traffic, first) > 0);
  return { number: (alone ?? some)?.number, traffic: allTo(first) };
}

function candidates(to: Exclude<RollbackTo, 'previous' | number>, endpoint: EndpointFacts): string[] {
  const all = [
    ...endpoint.deployments.map(({ name, tags }) => ({ name, model: tags[tag.model] ?? '' })),
    ...endpoint.records.map(({ name, model }) => ({ name, model })),
  ];
  const isMeant = ({ name, model }: { name: string; model: string }): boolean => {
    if ('deployment' in to) return name === to.deployment;
    return to.model === undefined ? model.endsWith(`:${to.version}`) : model === modelText(to);
  };
  return [...new Set(all.filter(isMeant).map(one => one.name))];
}

/** Those that need not be made again first, and of these the one that served last. */
function byUse(names: readonly string[], endpoint: EndpointFacts, history: readonly Revision[]): string[] {
  const rank = (name: string): number => {
    const served = history.findIndex(({ traffic }) => shareOf(traffic, name) > 0);
    return (needOf(name, endpoint).kind === 'ready' ? 0 : 1000) + (served < 0 ? 100 : served);
  };
  return [...names].sort((a, b) => rank(a) - rank(b));
}

function modelText({ model, version }: { model: string | undefined; version: string }): string {
  return model === undefined ? `version ${version}` : `${model}:${version}`;
}

function refused(problem: string): RollbackPlan {
  return { kind: 'refused', problem };
}

function isBefore({ traffic }: Revision, arrivals: readonly string[]): boolean {
  return arrivals.length > 0 && arrivals.every(name => shareOf(traffic, name) === 0);
}

function takesInRejected({ traffic }: Revision, { deployments, records }: EndpointFacts): boolean {
  return Object.keys(traffic).some(name => {
    const deployment = deployments.find(one => one.name === name);
    return deployment ? isRejected(deployment) : records.some(one => one.name === name && one.isRejected);
  });
}

type Need =
  | { readonly kind: 'ready' }
  | { readonly kind: 'rebuild'; readonly name: string }
  | { readonly kind: 'busy'; readonly deployment: string; readonly state: string }
  | { readonly kind: 'problem'; readonly text: string };

/** What has to be done before a deployment can take live traffic. */
function needOf(name: string, { deployments, records }: EndpointFacts): Need {
  const deployment = deployments.find(one => one.name === name);
  const record = records.find(one => one.name === name);
  if (deployment && isHealthy(deployment)) return { kind: 'ready' };
  if (deployment && inTransition(deployment)) {
    return { kind: 'busy', deployment: name, state: deployment.provisioningState };
  }
  const state = deployment ? `is in state ${deployment.provisioningState}` : 'no longer exists';
  if (!record) return { kind: 'problem', text: `deployment ${name} ${state}` };
  if (record.problem === undefined) return { kind: 'rebuild', name };
  return { kind: 'problem', text: `deployment ${name} ${state} and cannot be made again: ${record.problem}` };
}

function notesOf(revision: Revision, endpoint: EndpointFacts): string[] {
  return Object.keys(revision.traffic).flatMap(name => {
    const need = needOf(name, endpoint);
    if (need.kind === 'problem') return [need.text];
    if (need.kind === 'busy') return [`deployment ${name} is ${need.state}`];
    return need.kind === 'rebuild' ? [`${name} has to be made again`] : [];
  });
}

function recorded(history: readonly Revision[], endpoint: EndpointFacts): string {
  if (history.length === 0) return '';
  const lines = history.map(revision => {
    const notes = [
      ...notesOf(revision, endpoint),
      ...(takesInRejected(revision, endpoint) ? ['a rejected version'] : []),
    ];
    return `${revision.number} (${formatTraffic(revision.traffic)}${notes.length > 0 ? `; ${notes.join('; ')}` : ''})`;
  });
  return `. Recorded: ${lines.join(', ')}`;
}

function deployed({ deployments }: EndpointFacts): string {
  const names = deployments.map(({ name, tags }) => (tags[tag.model] ? `${name} (${tags[tag.model]})` : name));
  return names.length === 0 ? '' : `. Deployed: ${names.join(', ')}`;
}

function restorable(history: readonly Revision[], endpoint: EndpointFacts): string {
  const able = history.filter(
    revision =>
      !sameTraffic(revision.traffic, endpoint.live) &&
      Object.keys(revision.traffic).every(name => ['ready', 'rebuild'].includes(needOf(name, endpoint).kind)),
  );
  return able.length === 0
    ? '. No other recorded revision can be gone back to; deploy the version that you want with DeployOnlineEndpoint'
    : `. What can be gone back to: ${able.map(one => `${one.number} (${formatTraffic(one.traffic)})`).join(', ')}`;
}
