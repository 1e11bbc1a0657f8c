import { userError } from '../arm/arm-error';

/** Documented limits: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#azure-machine-learning-online-endpoints-and-batch-endpoints */
export const limits = {
  endpointsPerSubscription: 100,
  deploymentsPerSubscription: 500,
  deploymentsPerEndpoint: 20,
  instancesPerDeployment: 50,
};
const namePattern = /^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/;

/** Checks the name of an endpoint or deployment. @throws ArmError 400 */
export function requireName(what: string, name: string): string {
  if (name.length >= 3 && name.length <= 32 && namePattern.test(name)) return name;
  throw userError(
    `The ${what} name '${name}' is not valid: 3 to 32 letters, digits and dashes, starting with a letter and not ending with a dash.`,
    { target: 'name' },
  );
}

/** The names of a Kubernetes endpoint and its deployment become one name in the cluster. @throws ArmError 400 */
export function requireNamesTogether(endpoint: string, deployment: string): void {
  const length = endpoint.length + deployment.length;
  if (length < 6 || length > 62)
    throw userError(
      `The names of a Kubernetes online endpoint and its deployment must have 6 to 62 characters together, not ${length}.`,
      { target: 'name' },
    );
}

/** Refuses the new one that would be one too many. @throws ArmError 400 */
export function requireRoom(what: string, there: number, limit: number): void {
  if (there >= limit)
    throw userError(`There are ${there} ${what} already, and at most ${limit} are possible. Delete one first.`);
}

/** Live traffic: shares of existing deployments that sum to 0 or 100. @throws ArmError 400 */
export function requireTraffic(given: unknown, deployments: readonly string[]): Record<string, number> {
  const traffic = shares(given, 'traffic', deployments);
  const sum = Object.values(traffic).reduce((total, share) => total + share, 0);
  if (sum !== 0 && sum !== 100)
    throw userError(`The traffic of all deployments must sum to 0 or 100, not ${sum}.`, { target: 'traffic' });
  return traffic;
}

/** Mirrored traffic: at most 50 % to one deployment without live traffic. @throws ArmError 400 */
export function requireMirror(
  given: unknown,
  traffic: Record<string, number>,
  deployments: readonly string[],
): Record<string, number> {
  const mirror = shares(given, 'mirrorTraffic', deployments);
  const used = Object.entries(mirror).filter(([, share]) => share > 0);
  if (used.length > 1) throw userError('Traffic can be mirrored to one deployment only.', { target: 'mirrorTraffic' });
  for (const [name, share] of used) {
    if (share > 50)
      throw userError(`At most 50 % of the traffic can be mirrored, not ${share} %.`, { target: 'mirrorTraffic' });
    if ((traffic[name] ?? 0) > 0)
      throw userError(`The deployment ${name} takes live traffic, so none can be mirrored to it.`, {
        target: 'mirrorTraffic',
      });
  }
  return mirror;
}

export function requireCapacity(given: unknown): number {
  const capacity = given === undefined || given === null ? 1 : Number(given);
  if (Number.isInteger(capacity) && capacity >= 1 && capacity <= limits.instancesPerDeployment) return capacity;
  throw userError(`The instance count must be 1 to ${limits.instancesPerDeployment}, not ${JSON.stringify(given)}.`, {
    target: 'sku.capacity',
  });
}

function shares(given: unknown, what: string, deployments: readonly string[]): Record<string, number> {
  const entries = Object.entries((given ?? {}) as Record<string, unknown>);
  for (const [name, share] of entries) {
    if (typeof share !== 'number' || !Number.isInteger(share) || share < 0 || share > 100) {
      throw userError(
        `The share of ${name} in ${what} must be a whole number from 0 to 100, not ${JSON.stringify(share)}.`,
        { target: what },
      );
    }
    if (!deployments.includes(name))
      throw userError(
        `${what} names the deployment '${name}', which does not exist. There is ${deployments.join(', ') || 'none'}.`,
        { target: what },
      );
  }
  return Object.fromEntries(entries as [string, number][]);
}
