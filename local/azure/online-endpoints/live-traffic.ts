import type { EndpointRecord } from './endpoint-store';

export type Shares = Readonly<Record<string, number>>;

interface Route {
  traffic: Shares;
  mirrorTraffic: Shares;
}

interface Change {
  before: Route;
  /** What the resource says since then. */
  after: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/**
 * The traffic that the router follows: that of the resource, but a change of it comes through only after a delay, as on Azure
 * (for example Azure/azure-dev pull request 3881, where clients read the old state for some seconds).
 */
export class LiveTraffic {
  private readonly changes = new Map<string, Change>();

  constructor(private readonly delayMilliseconds: () => number) {}

  /** Call with the record as it was before each change of an endpoint. */
  changed(before: EndpointRecord | undefined, after: EndpointRecord): void {
    if (!before || text(before) === text(after)) return;
    this.changes.set(after.name.toLowerCase(), { before: this.of(before), after: text(after), at: Date.now() });
  }

  of(endpoint: EndpointRecord): Route {
    const key = endpoint.name.toLowerCase();
    const change = this.changes.get(key);
    if (!change) return endpoint;
    if (Date.now() < change.at + this.delayMilliseconds() && change.after === text(endpoint)) return change.before;
    this.changes.delete(key);
    return endpoint;
  }

  /** Lets the last change come through at once: a deployment is about to go. */
  settle(endpoint: string): void {
    this.changes.delete(endpoint.toLowerCase());
  }
}

function text({ traffic, mirrorTraffic }: Route): string {
  return JSON.stringify([traffic, mirrorTraffic]);
}

/** The deployment that a number from 0 to 1 falls on; undefined when none has a share. */
export function choose(traffic: Shares, random: number): string | undefined {
  const shares = Object.entries(traffic).filter(([, share]) => share > 0);
  const total = shares.reduce((sum, [, share]) => sum + share, 0);
  let rest = random * total;
  for (const [name, share] of shares) {
    rest -= share;
    if (rest < 0) return name;
  }
  return shares.at(-1)?.[0];
}
