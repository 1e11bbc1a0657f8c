import { randomUUID } from 'node:crypto';
import { belowWorkspace } from '../../requests/operation-name';
import type { Plane } from '../../requests/request-record';
import { readFaultRule, type ActiveFault, type FaultEffect, type FaultRule } from './fault-rule';

interface Held extends ActiveFault {
  path: RegExp | undefined;
  random: () => number;
}

/** What happens to one request. */
export interface Injection {
  /** The rule's name. */
  name: string;
  effect: FaultEffect;
}

/** What a request is, as far as rules look at it. */
export interface FaultTarget {
  plane: Plane;
  method: string;
  /** Without the query. */
  path: string;
}

/**
 * The faults that are in force, in the order in which they were added: `slow` ones add up, of the others the first that fires counts.
 * They live as long as the process and are not kept in the state folder.
 */
export class Faults {
  readonly #held: Held[] = [];
  /** Failures for operations that are about to be started, by the request's path. */
  readonly #failures = new Map<string, { code: string; message: string }>();
  #made = 0;

  /** `changed` is told whether any fault is in force, when that changes. */
  constructor(private readonly changed: (any: boolean) => void = () => undefined) {}

  /** @throws FaultRuleError that lists every problem of the rule */
  add(given: FaultRule): ActiveFault {
    const rule = readFaultRule(given);
    this.#made += 1;
    const held: Held = {
      id: randomUUID(),
      rule: { ...rule, name: rule.name ?? `fault-${this.#made}` },
      matched: 0,
      injected: 0,
      path: rule.path === undefined ? undefined : pathPattern(rule.path),
      random: randomSequence(rule.seed ?? 1),
    };
    this.#held.push(held);
    this.changed(true);
    return shown(held);
  }

  list(): ActiveFault[] {
    return this.#held.map(shown);
  }

  /** @returns whether there was one of that id */
  delete(id: string): boolean {
    const at = this.#held.findIndex(held => held.id === id);
    if (at < 0) return false;
    this.#held.splice(at, 1);
    this.changed(this.#held.length > 0);
    return true;
  }

  /** Takes all of them back. */
  reset(): void {
    this.#held.length = 0;
    this.#failures.clear();
    this.changed(false);
  }

  /** Which faults a request gets, counting it. */
  decide(target: FaultTarget): Injection[] {
    if (this.#held.length === 0 || target.plane === 'local') return [];
    const found: Injection[] = [];
    let ends = false;
    for (const held of this.#held) {
      if (!matches(held, target) || !fires(held)) continue;
      const effect = held.rule.fault;
      if (effect.type !== 'slow' && ends) continue;
      ends ||= effect.type !== 'slow';
      held.injected += 1;
      found.push({ name: held.rule.name, effect });
      if (effect.type === 'operation') {
        const message = effect.message ?? operationMessage(effect.code);
        this.#failures.set(target.path.toLowerCase(), { code: effect.code, message });
      }
    }
    return found;
  }

  /** The failure that was ordered for the operation on that resource (its ARM id); given once. */
  takeOperationFailure(resource: string): { code: string; message: string } | undefined {
    const wanted = resource.toLowerCase();
    for (const [path, failure] of this.#failures) {
      // The request's path is that of the resource, or of an action on it.
      if (path !== wanted && !(path.startsWith(`${wanted}/`) && !path.slice(wanted.length + 1).includes('/'))) continue;
      this.#failures.delete(path);
      return failure;
    }
    return undefined;
  }

  /** Forgets the failure that was ordered for a request that started no operation. */
  dropOperationFailure(path: string): void {
    this.#failures.delete(path.toLowerCase());
  }
}

function shown({ id, rule, matched, injected }: Held): ActiveFault {
  return { id, rule, matched, injected };
}

function matches({ rule, path }: Held, target: FaultTarget): boolean {
  return (
    (rule.plane === undefined || rule.plane === target.plane) &&
    (rule.method === undefined || rule.method.toUpperCase() === target.method) &&
    (path === undefined || shortForms(target).some(form => path.test(form)))
  );
}

/** The whole path, and what is left of it below the place that all paths of the plane share. */
function shortForms({ plane, path }: FaultTarget): string[] {
  const whole = path.replace(/^\/+/, '');
  const below = plane === 'directory' || plane === 'blob' ? whole.replace(/^[^/]*\//, '') : belowWorkspace(path);
  return [whole, below];
}

/** Counts a request that matches, and says whether the rule means this one. */
function fires(held: Held): boolean {
  held.matched += 1;
  const { nth, first, probability } = held.rule;
  if (nth !== undefined) return held.matched === nth;
  if (first !== undefined) return held.matched <= first;
  return probability === undefined || held.random() < probability;
}

function pathPattern(pattern: string): RegExp {
  const expression = pattern
    .replace(/^\/+/, '')
    .split(/(\*\*|\*)/)
    .map(part => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('');
  return new RegExp(`^${expression}$`, 'i');
}

/** Numbers from 0 to 1 that the seed alone decides (mulberry32, public domain). */
export function randomSequence(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Texts like those of the service; the troubleshooting page of online endpoints has one section a code. */
function operationMessage(code: string): string {
  const texts: Record<string, string> = {
    OutOfQuota:
      'Not enough quota available for Standard_DS3_v2 in region eastus. Current usage/limit: 0/6. Additional needed: 8',
    ImageBuildFailure: 'Failed to build the image of the environment. See the build log for details.',
    ResourceNotReady:
      'User container has crashed or terminated. Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-resourcenotready',
    BadArgument: 'The request is invalid: the image or the model could not be downloaded.',
    SecretsInjectionError: 'The secrets could not be retrieved for the deployment.',
    OperationCanceled: 'The operation was canceled by another operation that has a higher priority.',
    InternalServerError:
      'An internal server error occurred. Please try again. If the issue persists, please contact support.',
  };
  return texts[code] ?? `The operation failed: ${code}.`;
}
