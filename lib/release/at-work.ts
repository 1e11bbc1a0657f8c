import { inTransition, isOurs, type DeploymentFacts } from './deployments';
import { currentRevision } from './revisions';
import { tag, type Tags } from './tags';
import { shareOf, type Traffic } from './traffic';

/** What shows that another run has begun something on an endpoint and not ended it. */
export type AtWork =
  /** Between the steps of a rollout, or watching a shadow. */
  | { readonly kind: 'rollout'; readonly run: string; readonly until: Date }
  /** A deployment that is being made, or was made and tested a moment ago, and is to get its first traffic. */
  | { readonly kind: 'deployment'; readonly run: string; readonly deployment: string; readonly state: string };

interface EndpointFacts {
  readonly tags: Tags;
  readonly live: Traffic;
  readonly deployments: readonly (DeploymentFacts & { readonly modifiedAt: Date | undefined })[];
}

/** After this a deployment that waits for its first traffic is taken for what a killed run has left. */
const idleMilliseconds = 15 * 60_000;

/** Another run that is at work, or undefined. @param planned a deployment of this name is what this run itself goes on with */
export function atWork(
  { tags, live, deployments }: EndpointFacts,
  { run, planned, now }: { run: string; planned: string; now: Date },
): AtWork | undefined {
  const [, until = '', by = ''] = /^(\S+Z) (.*)$/.exec(tags[tag.busy] ?? '') ?? [];
  // The end of a rollout writes the roles, not the endpoint: then nobody is on trial any more.
  const isDone = !deployments.some(one => isOurs(one) && one.tags[tag.role] === 'challenger');
  if (until !== '' && by !== run && Date.parse(until) > now.getTime() && !isDone)
    return { kind: 'rollout', run: by, until: new Date(until) };
  const fresh = deployments.find(one => {
    const by = one.tags[tag.changeBuild] ?? '';
    if (!isOurs(one) || one.name === planned || by === '' || by === run || shareOf(live, one.name) > 0) return false;
    const isNext = Number(one.tags[tag.revision] ?? '') > currentRevision(tags);
    const idle = now.getTime() - (one.modifiedAt?.getTime() ?? 0);
    return inTransition(one) || (isNext && one.provisioningState === 'Succeeded' && idle < idleMilliseconds);
  });
  return (
    fresh && {
      kind: 'deployment',
      run: fresh.tags[tag.changeBuild] ?? '',
      deployment: fresh.name,
      state: fresh.provisioningState,
    }
  );
}

/** The tag that says how long a run means to watch what it has done. */
export function busyTag(run: string, until: Date): Tags {
  return { [tag.busy]: `${until.toISOString()} ${run}` };
}

/** Ends that; nothing where nothing was said. */
export function notBusy(tags: Tags): Tags {
  return tags[tag.busy] ? { [tag.busy]: '' } : {};
}
