/**
 * An endpoint's live traffic: deployment name to whole percent. Azure ML takes a map that sums to 0 or to 100; ours
 * always sums to 100, because an endpoint without live traffic answers 404.
 */
export type Traffic = Readonly<Record<string, number>>;

/** The deployments that take live traffic, in name order, so that equal maps also print equal. */
export function liveTraffic(traffic: Traffic): Traffic {
  const live = Object.entries(traffic).filter(([, percent]) => percent > 0);
  return Object.fromEntries(live.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function shareOf(traffic: Traffic, deployment: string): number {
  return traffic[deployment] ?? 0;
}

export function sameTraffic(a: Traffic, b: Traffic): boolean {
  return JSON.stringify(liveTraffic(a)) === JSON.stringify(liveTraffic(b));
}

/** True when somebody answers the endpoint's callers. */
export function isServing(traffic: Traffic): boolean {
  return Object.values(traffic).some(percent => percent > 0);
}

export function allTo(deployment: string): Traffic {
  return { [deployment]: 100 };
}

/**
 * Gives one deployment a share and leaves the rest to those that serve now, in their present proportions (with one
 * champion: all of the rest). Without any other serving deployment it gets everything: a rest that nobody takes would
 * be refused requests.
 * @param percent whole number from 0 to 100
 */
export function withShare(current: Traffic, deployment: string, percent: number): Traffic {
  const others = Object.entries(liveTraffic(current)).filter(([name]) => name !== deployment);
  if (others.length === 0) return allTo(deployment);
  return liveTraffic({ ...proportional(others, 100 - percent), [deployment]: percent });
}

/** Takes deployments out of the live traffic; the rest grows in proportion. Undefined when nobody else serves. */
export function without(current: Traffic, deployments: readonly string[]): Traffic | undefined {
  const rest = Object.entries(liveTraffic(current)).filter(([name]) => !deployments.includes(name));
  return rest.length === 0 ? undefined : liveTraffic(proportional(rest, 100));
}

/**
 * Live traffic when a challenger takes its share. One already on trial is replaced: with two of them nobody could say
 * which one a promote means.
 * @param percent whole number from 0 to 99
 */
export function challengerTraffic(
  live: Traffic,
  challenger: string,
  percent: number,
  onTrial: string | undefined,
): Traffic {
  return withShare(onTrial === undefined ? live : (without(live, [onTrial]) ?? live), challenger, percent);
}

/** Mirrored traffic that can stand beside live traffic: Azure refuses copies to a deployment that has live traffic. */
export function mirrorBeside(live: Traffic, mirror: Traffic): Traffic {
  return liveTraffic(Object.fromEntries(Object.entries(mirror).filter(([name]) => shareOf(live, name) === 0)));
}

/** Mirrored traffic of which one deployment has no part any more. */
export function mirrorWithout(mirror: Traffic, deployment: string | undefined): Traffic {
  return Object.fromEntries(Object.entries(mirror).filter(([name]) => name !== deployment));
}

/** Why a traffic map must not be written, or undefined when it may. */
export function trafficProblem(traffic: Traffic): string | undefined {
  const broken = Object.entries(traffic).find(([, share]) => !Number.isInteger(share) || share < 0 || share > 100);
  if (broken) return `the share of ${broken[0]} is ${broken[1]}; it must be a whole number from 0 to 100`;
  const sum = Object.values(traffic).reduce((total, share) => total + share, 0);
  return sum === 100 ? undefined : `the shares sum to ${sum}; they must sum to 100`;
}

/** For people: `m3-1a2b3c4d 90 %, m4-5e6f7a8b 10 %`, or `none`. */
export function formatTraffic(traffic: Traffic): string {
  const shares = Object.entries(liveTraffic(traffic)).map(([name, percent]) => `${name} ${percent} %`);
  return shares.length === 0 ? 'none' : shares.join(', ');
}

/** Splits `total` by the given weights into whole numbers; what rounding leaves over goes to the largest fractions. */
function proportional(weights: readonly (readonly [string, number])[], total: number): Record<string, number> {
  const sum = weights.reduce((all, [, weight]) => all + weight, 0);
  const exact = weights.map(([name, weight]) => ({ name, value: (weight * total) / sum }));
  const shares = Object.fromEntries(exact.map(({ name, value }) => [name, Math.floor(value)]));
  const left = total - Object.values(shares).reduce((all, share) => all + share, 0);
  const byFraction = [...exact].sort((a, b) => (b.value % 1) - (a.value % 1) || (a.name < b.name ? -1 : 1));
  for (const { name } of byFraction.slice(0, left)) shares[name] = (shares[name] ?? 0) + 1;
  return shares;
}
