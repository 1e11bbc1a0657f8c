import type { FastifyRequest } from 'fastify';
import { queryValue } from '../arm/arm-scope';
import { inView, listViewType, orderedList } from '../arm/resource-list';
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

/** One page of the versions of a name, last created first unless `$orderBy` ends in `asc`. With `version`, that one alone. */
export function versionList<P extends { isArchived: boolean }>(
  request: FastifyRequest,
  store: VersionStore<P>,
  name: string,
  { baseUrl, show }: Shown<StoredVersion<P>>,
): Page {
  const view = listViewType(request);
  const wanted = queryValue(request, 'version');
  const skip = queryValue(request, '$skip');
  const place = skip !== undefined && /^\d{1,15}$/.test(skip) ? Number(skip) : undefined;
  function* versions(): IterableIterator<StoredVersion<P>> {
    for (const version of ordered()) if (inView(version.properties.isArchived, view)) yield version;
  }
  const ordered = (): Iterable<StoredVersion<P>> => {
    if (wanted !== undefined) return [store.get(name, wanted)].filter(found => found !== undefined);
    return /asc$/i.test(queryValue(request, '$orderBy') ?? '') ? store.oldest(name, place) : store.newest(name, place);
  };
  return orderedList(versions(), request, { baseUrl, place: ({ order }) => String(order), show });
}
