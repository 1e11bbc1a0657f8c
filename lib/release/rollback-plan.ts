import { isHealthy, isRejected, type DeploymentFacts } from './deployments';
import { currentRevision, revisionHistory, type Revision } from './revisions';
import type { Tags } from './tags';
import { formatTraffic, liveTraffic, sameTraffic, shareOf, type Traffic } from './traffic';

export interface EndpointFacts {
  readonly live: Traffic;
  readonly mirror: Traffic;
  readonly tags: Tags;
  readonly deployments: readonly DeploymentFacts[];
}

export type RollbackPlan =
  | {
      readonly kind: 'change';
      readonly from: Traffic;
      readonly fromRevision: number;
      readonly target: Revision;
      /** Deployments that lose all live traffic: what is rejected. */
      readonly replaced: readonly string[];
    }
  | { readonly kind: 'unchanged'; readonly revision: number; readonly traffic: Traffic; readonly why: string }
  | { readonly kind: 'refused'; readonly problem: string };

/**
 * What going back means for one endpoint.
 *
 * `previous` is the newest recorded revision in which what came last has no share: the deployments whose share grew in
 * the change that led to the live traffic. So allAtOnce and a promotion go back to the champion before, over the
 * promoted challenger's trial; a running trial goes back to the champion alone; and traffic that somebody changed by hand
 * goes back to what was recorded last. A revision that gives traffic to a rejected version is passed over, or a second
 * rollback would bring back what the first one took out; name a revision by its number to go there on purpose.
 */
export function planRollback(endpoint: EndpointFacts, to: 'previous' | number): RollbackPlan {
  const history = revisionHistory(endpoint.tags);
  const live = liveTraffic(endpoint.live);
  if (history.length === 0) {
    return refused('has no recorded revision: no run of DeployOnlineEndpoint has changed its traffic yet');
  }
  const last = history.find(revision => !sameTraffic(revision.traffic, live));
  const arrivals = Object.keys(live).filter(name => shareOf(live, name) > shareOf(last?.traffic ?? live, name));
  const target =
    to === 'previous'
      ? history.find(revision => isBefore(revision, arrivals) && !takesInRejected(revision, endpoint))
      : history.find(revision => revision.number === to);
  if (!target) {
    return refused(
      to === 'previous'
        ? `has no earlier revision to go back to: live traffic is ${formatTraffic(live)}${recorded(history, endpoint)}`
        : `has no revision ${to}${recorded(history, endpoint)}`,
    );
  }
  if (sameTraffic(target.traffic, live)) {
    return {
      kind: 'unchanged',
      revision: target.number,
      traffic: live,
      why: `live traffic is already that of revision ${target.number}`,
    };
  }
  const problems = problemsOf(target, endpoint);
  if (problems.length > 0) {
    return refused(
      `cannot go back to revision ${target.number} (${formatTraffic(target.traffic)}): ${problems.join('; ')}${restorable(history, endpoint)}`,
    );
  }
  return {
    kind: 'change',
    from: live,
    fromRevision: currentRevision(endpoint.tags),
    target,
    replaced: Object.keys(live).filter(name => shareOf(target.traffic, name) === 0),
  };
}

function refused(problem: string): RollbackPlan {
  return { kind: 'refused', problem };
}

function isBefore({ traffic }: Revision, arrivals: readonly string[]): boolean {
  return arrivals.length > 0 && arrivals.every(name => shareOf(traffic, name) === 0);
}

function takesInRejected(revision: Revision, endpoint: EndpointFacts): boolean {
  return endpoint.deployments.some(one => isRejected(one) && shareOf(revision.traffic, one.name) > 0);
}

function problemsOf(revision: Revision, endpoint: EndpointFacts): string[] {
  return Object.keys(revision.traffic).flatMap(name => {
    const deployment = endpoint.deployments.find(one => one.name === name);
    if (!deployment) return [`deployment ${name} no longer exists`];
    if (!isHealthy(deployment)) return [`deployment ${name} is in state ${deployment.provisioningState}`];
    // Azure ML refuses mirrored and live traffic on one deployment.
    return shareOf(endpoint.mirror, name) > 0 ? [`deployment ${name} takes mirrored traffic`] : [];
  });
}

function recorded(history: readonly Revision[], endpoint: EndpointFacts): string {
  const lines = history.map(revision => {
    const notes = [
      ...problemsOf(revision, endpoint),
      ...(takesInRejected(revision, endpoint) ? ['a rejected version'] : []),
    ];
    return `${revision.number} (${formatTraffic(revision.traffic)}${notes.length > 0 ? `; ${notes.join('; ')}` : ''})`;
  });
  return `. Recorded: ${lines.join(', ')}`;
}

function restorable(history: readonly Revision[], endpoint: EndpointFacts): string {
  const able = history.filter(
    revision => problemsOf(revision, endpoint).length === 0 && !sameTraffic(revision.traffic, endpoint.live),
  );
  return able.length === 0
    ? '. No other recorded revision can be gone back to; deploy the version that you want with DeployOnlineEndpoint'
    : `. What can be gone back to: ${able.map(one => `${one.number} (${formatTraffic(one.traffic)})`).join(', ')}`;
}
