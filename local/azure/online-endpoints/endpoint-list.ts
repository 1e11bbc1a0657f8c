import type { FastifyRequest } from 'fastify';
import { queryValue } from '../arm/arm-scope';
import { oneOf } from '../jobs/body-fields';
import type { EndpointRecord } from './endpoint-store';

const orders = ['CreatedAtDesc', 'CreatedAtAsc', 'UpdatedAtDesc', 'UpdatedAtAsc'] as const;

/** The endpoints that a list asks for: `name`, `computeType`, `tags`, `properties`, `orderBy` of OnlineEndpoints_List. @throws ArmError 400 */
export function wantedEndpoints(all: EndpointRecord[], request: FastifyRequest): EndpointRecord[] {
  const get = (name: string): string | undefined => queryValue(request, name);
  const name = get('name');
  const compute = oneOf({ computeType: get('computeType') }, 'computeType', ['Managed', 'Kubernetes', 'Any'], 'Any');
  const tags = pairs(get('tags'));
  const properties = pairs(get('properties'));
  const found = all.filter(
    endpoint =>
      (name === undefined || endpoint.name.toLowerCase() === name.toLowerCase()) &&
      (compute === 'Any' || compute === (endpoint.compute ? 'Kubernetes' : 'Managed')) &&
      holds(endpoint.tags, tags) &&
      holds(endpoint.properties, properties),
  );
  const orderBy = oneOf({ orderBy: get('orderBy') }, 'orderBy', orders, 'CreatedAtAsc');
  const time = (endpoint: EndpointRecord): string =>
    orderBy.startsWith('Created') ? endpoint.createdAt : endpoint.modifiedAt;
  const sign = orderBy.endsWith('Desc') ? -1 : 1;
  return found.sort((a, b) => sign * time(a).localeCompare(time(b)));
}

/** `key=value` or `key`, separated by commas. */
function pairs(given: string | undefined): [key: string, value: string | undefined][] {
  return (given ?? '')
    .split(',')
    .filter(Boolean)
    .map(pair => {
      const [key = '', ...value] = pair.split('=');
      return [key, value.length === 0 ? undefined : value.join('=')];
    });
}

function holds(map: Record<string, string>, wanted: [key: string, value: string | undefined][]): boolean {
  return wanted.every(([key, value]) => (value === undefined ? key in map : map[key] === value));
}
