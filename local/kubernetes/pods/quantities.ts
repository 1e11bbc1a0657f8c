import type { Container, PodSpec } from './pod-shapes';

const suffixes: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a Kubernetes quantity such as `500m`, `1.5Gi` or `1e3` stands for; undefined when it is none. */
export function parseQuantity(text: string): number | undefined {
  const [, number, suffix = ''] = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = suffixes[suffix];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

/** What a container asks for, or may use; where it says nothing about a request, its limit is its request. */
export function containerAmount(
  { resources }: Container,
  kind: 'requests' | 'limits',
  name: string,
): number | undefined {
  const text = resources?.[kind]?.[name] ?? (kind === 'requests' ? resources?.limits?.[name] : undefined);
  return text === undefined ? undefined : parseQuantity(text);
}

/** What the scheduler counts for a pod: the sum of its containers, or the largest of its init containers where that is more. */
export function podRequests({
  containers,
  initContainers = [],
}: Pick<PodSpec, 'containers' | 'initContainers'>): Record<string, number> {
  const named = [...containers, ...initContainers].flatMap(({ resources }) =>
    Object.keys({ ...resources?.limits, ...resources?.requests }),
  );
  const amount = (container: Container, name: string): number => containerAmount(container, 'requests', name) ?? 0;
  return Object.fromEntries(
    [...new Set(named)].map(name => {
      const together = containers.reduce((sum, one) => sum + amount(one, name), 0);
      return [name, Math.max(together, ...initContainers.map(one => amount(one, name)))];
    }),
  );
}

/** The pod's class of service, as the API server works it out once from requests and limits of CPU and memory. */
export function qosClass({ containers = [], initContainers = [] }: Partial<PodSpec>): string {
  const all = [...containers, ...initContainers];
  const names = ['cpu', 'memory'];
  const says = (one: Container): boolean =>
    names.some(name => one.resources?.requests?.[name] !== undefined || one.resources?.limits?.[name] !== undefined);
  if (!all.some(says)) return 'BestEffort';
  const guaranteed = all.every(one =>
    names.every(name => {
      const limit = containerAmount(one, 'limits', name);
      return limit !== undefined && containerAmount(one, 'requests', name) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
