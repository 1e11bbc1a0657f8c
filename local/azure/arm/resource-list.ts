import type { FastifyRequest } from 'fastify';
import { queryValue } from './arm-scope';
import { ArmError } from './arm-error';

const pageSize = 100;

export type ListViewType = 'ActiveOnly' | 'ArchivedOnly' | 'All';

/** The `listViewType` of a request, ActiveOnly unless given. @throws ArmError 400 for an unknown one */
export function listViewType(request: FastifyRequest): ListViewType {
  const given = queryValue(request, 'listViewType') ?? 'ActiveOnly';
  const found = (['ActiveOnly', 'ArchivedOnly', 'All'] as const).find(
    type => type.toLowerCase() === given.toLowerCase(),
  );
  if (!found)
    throw new ArmError(
      400,
      'BadRequest',
      `The value '${given}' of listViewType is not one of ActiveOnly, ArchivedOnly, All.`,
    );
  return found;
}

export function inView(isArchived: boolean, view: ListViewType): boolean {
  return view === 'All' || isArchived === (view === 'ArchivedOnly');
}

/**
 * One page of a list in ARM's form. `$top` limits the whole answer; without it pages of 100 are linked by `nextLink`, an absolute URL with `$skip`.
 * `show` runs only for what is on the page.
 */
export function resourceList<T>(
  items: T[],
  request: FastifyRequest,
  baseUrl: string,
  show: (item: T) => unknown,
): { value: unknown[]; nextLink?: string } {
  const skip = wholeNumber(request, '$skip') ?? 0;
  const top = wholeNumber(request, '$top');
  const page = items.slice(skip, skip + Math.min(top ?? pageSize, 1000));
  const value = page.map(show);
  const next = skip + page.length;
  if (top !== undefined || next >= items.length) return { value };
  const url = new URL(request.url, baseUrl);
  url.searchParams.set('$skip', String(next));
  return { value, nextLink: url.href };
}

function wholeNumber(request: FastifyRequest, name: string): number | undefined {
  const given = queryValue(request, name);
  if (given === undefined || given === '') return undefined;
  if (!/^\d{1,9}$/.test(given))
    throw new ArmError(400, 'BadRequest', `The value '${given}' of ${name} is not a whole number.`);
  return Number(given);
}
