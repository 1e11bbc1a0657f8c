import type { FastifyRequest } from 'fastify';
import { queryValue } from '../arm/arm-scope';
import { inView, listViewType, orderedList, wholeNumber } from '../arm/resource-list';
import { tagFilter } from '../arm/tag-filter';
import type { AssetWords } from './asset-body';
import type { StoredContainer, StoredVersion, VersionStore } from './version-store';

interface Shown<T> {
  baseUrl: string;
  show: (item: T) => unknown;
}

type Page = ReturnType<typeof orderedList>;

/** One page of the assets of a kind, in order of their names. */
export function containerList<P>(
  request: FastifyRequest,
  store: VersionStore<P>,
  { baseUrl, show }: Shown<StoredContainer>,
): Page {
  const view = listViewType(request);
  function* containers(): IterableIterator<StoredContainer> {
    for (const container of store.containersAfter(queryValue(request, '$skip') ?? ''))
      if (inView(container.isArchived, view)) yield container;
  }
  return orderedList(containers(), request, { baseUrl, place: ({ name }) => name, show });
}

/**
 * One page of the versions of a name, or of what a search found. Parameters: `$orderBy` (`createdtime` or `version`, then `asc` or `desc`; last created
 * first unless given), `$top`, `$skip`, `offset`, `listViewType`, `version`, `tags`, `properties`, `description` (held by it).
 * https://learn.microsoft.com/rest/api/azureml/model-versions/list
 */
export function versionList<P extends AssetWords>(
  request: FastifyRequest,
  from: { store: VersionStore<P>; name: string } | { found: StoredVersion<P>[] },
  { baseUrl, show }: Shown<StoredVersion<P>>,
): Page {
  const get = (name: string): string | undefined => queryValue(request, name);
  const view = listViewType(request);
  const hasTags = tagFilter(get('tags'));
  const hasProperties = tagFilter(get('properties'));
  const [wanted, words] = [get('version'), get('description')?.toLowerCase() ?? ''];
  const isAscending = /\basc$/i.test(get('$orderBy') ?? '');
  const skip = get('$skip');
  const place = skip !== undefined && /^\d{1,15}$/.test(skip) ? Number(skip) : undefined;
  const ordered = (): Iterable<StoredVersion<P>> => {
    if ('found' in from) return from.found;
    const { store, name } = from;
    if (wanted !== undefined) return [store.get(name, wanted)].filter(found => found !== undefined);
    return isAscending ? store.oldest(name, place) : store.newest(name, place);
  };
  function* versions(): IterableIterator<StoredVersion<P>> {
    // The next pages' `$skip` is behind what the offset left out.
    let left = place === undefined ? (wholeNumber(request, 'offset') ?? 0) : 0;
    for (const version of ordered()) {
      const { properties } = version;
      const isWanted =
        inView(properties.isArchived, view) &&
        hasTags(properties.tags) &&
        hasProperties(properties.properties) &&
        (properties.description ?? '').toLowerCase().includes(words);
      if (isWanted && left-- <= 0) yield version;
    }
  }
  return orderedList(versions(), request, { baseUrl, place: ({ order }) => String(order), show });
}
