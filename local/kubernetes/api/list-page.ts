import { objectKey, type ApiObject } from '../objects/api-object';
import { badRequest } from './status-error';

/**
 * One page of a sorted list. The token for the next one names the last object of this, so what is created or deleted
 * between two pages does not move the others.
 * @throws StatusError 400 for a token that is none of ours
 */
export function listPage(
  all: readonly ApiObject[],
  limit: number | undefined,
  token: string | undefined,
): { items: readonly ApiObject[]; metadata: Record<string, unknown> } {
  const after = token ? decode(token) : undefined;
  const rest = after === undefined ? all : all.filter(object => keyOf(object) > after);
  if (!limit || rest.length <= limit) return { items: rest, metadata: {} };
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    metadata: { continue: last ? encode(keyOf(last)) : '', remainingItemCount: rest.length - items.length },
  };
}

function keyOf({ metadata }: ApiObject): string {
  return objectKey(metadata.namespace, metadata.name);
}

function encode(after: string): string {
  return Buffer.from(JSON.stringify({ after })).toString('base64url');
}

function decode(token: string): string {
  try {
    const { after } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { after?: unknown };
    if (typeof after === 'string') return after;
  } catch {
    // Answered below.
  }
  throw badRequest('continue key is not valid');
}
