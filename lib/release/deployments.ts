import { owner, tag, type Tags } from './tags';
import { shareOf, type Traffic } from './traffic';

export type Role = 'champion' | 'challenger' | 'previous';

/** What the decisions need to know of a deployment. */
export interface DeploymentFacts {
  readonly name: string;
  readonly provisioningState: string;
  readonly instanceCount: number;
  readonly tags: Tags;
}

export function isOurs(deployment: DeploymentFacts): boolean {
  return deployment.tags[tag.owner] === owner;
}

export function isRejected(deployment: DeploymentFacts): boolean {
  return Boolean(deployment.tags[tag.rejected]);
}

/** True when nothing is going on and the deployment can take traffic. */
export function isHealthy(deployment: DeploymentFacts): boolean {
  return deployment.provisioningState.toLowerCase() === 'succeeded';
}

/**
 * Who answers by default: of the serving deployments the one tagged champion, else the one with the largest share.
 * A tag alone makes no champion: a run may have been killed between the traffic change and the tags.
 */
export function championOf<D extends DeploymentFacts>(deployments: readonly D[], traffic: Traffic): D | undefined {
  const serving = deployments.filter(deployment => shareOf(traffic, deployment.name) > 0);
  const tagged = serving.filter(deployment => deployment.tags[tag.role] === 'champion');
  return (tagged.length > 0 ? tagged : serving).reduce<D | undefined>(
    (best, one) => (best && shareOf(traffic, best.name) >= shareOf(traffic, one.name) ? best : one),
    undefined,
  );
}

/** The deployment on trial: ours, tagged challenger. It may have no traffic (a run that was stopped before it got any). */
export function challengerOf<D extends DeploymentFacts>(deployments: readonly D[], traffic: Traffic): D | undefined {
  const challengers = deployments.filter(one => isOurs(one) && one.tags[tag.role] === 'challenger');
  return challengers.sort((a, b) => shareOf(traffic, b.name) - shareOf(traffic, a.name))[0];
}

const transitions = new Set(['creating', 'updating', 'deleting', 'scaling']);

/** True while Azure works on the deployment or endpoint, for this run or another. */
export function inTransition(deployment: Pick<DeploymentFacts, 'provisioningState'>): boolean {
  return transitions.has(deployment.provisioningState.toLowerCase());
}

/**
 * Which deployments can go once others serve: ours, without live or mirrored traffic, with nothing going on in them
 * (that would be another run's work), and not named in `keep`.
 */
export function superseded<D extends DeploymentFacts>(
  deployments: readonly D[],
  traffic: { readonly live: Traffic; readonly mirror: Traffic },
  keep: readonly (string | undefined)[],
): D[] {
  return deployments.filter(
    deployment =>
      isOurs(deployment) &&
      !keep.includes(deployment.name) &&
      shareOf(traffic.live, deployment.name) === 0 &&
      shareOf(traffic.mirror, deployment.name) === 0 &&
      !inTransition(deployment),
  );
}

/**
 * A deployment's name from what is in it, so that the same content always meets the same deployment.
 * Azure ML: 3 to 32 characters, letters, digits and hyphens, a letter first, no hyphen last.
 * @param specHash hexadecimal, at least 8 characters
 */
export function deploymentName(modelVersion: string, specHash: string): string {
  const version = modelVersion.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 20);
  return `m${version}-${specHash.slice(0, 8)}`.replace(/-{2,}/g, '-');
}
