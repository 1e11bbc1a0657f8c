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

/**
 * One page of a list whose items come in a fixed order, from the place on that `$skip` names (the caller begins there). The link to the next page
 * carries the place of the last item in `$skip`, so that a page costs what stands on it, wherever in the list it begins. `$skip` is the
 * API's "continuation token": clients take it as it is.
 */
export function orderedList<T>(
  items: Iterable<T>,
  request: FastifyRequest,
  o: { baseUrl: string; place: (item: T) => string; show: (item: T) => unknown },
): { value: unknown[]; nextLink?: string } {
  const top = wholeNumber(request, '$top');
  const most = Math.min(top ?? pageSize, 1000);
  const value: unknown[] = [];
  let last: T | undefined;
  for (const item of items) {
    if (value.length === most) {
      if (top !== undefined || last === undefined) break;
      const url = new URL(request.url, o.baseUrl);
      url.searchParams.set('$skip', o.place(last));
      return { value, nextLink: url.href };
    }
    value.push(o.show(item));
    last = item;
  }
  return { value };
}

/** A query value that must be a whole number. @throws ArmError 400 */
export function wholeNumber(request: FastifyRequest, name: string): number | undefined {
  const given = queryValue(request, name);
  if (given === undefined || given === '') return undefined;
  if (!/^\d{1,9}$/.test(given))
    throw new ArmError(400, 'BadRequest', `The value '${given}' of ${name} is not a whole number.`);
  return Number(given);
}
