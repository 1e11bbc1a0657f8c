import type { FastifyRequest } from 'fastify';
import { queryValue } from '../arm/arm-scope';
import { tagFilter } from '../arm/tag-filter';
import { oneOf } from '../jobs/body-fields';
import type { EndpointRecord } from './endpoint-store';

const orders = ['CreatedAtDesc', 'CreatedAtAsc', 'UpdatedAtDesc', 'UpdatedAtAsc'] as const;

/** The endpoints that a list asks for: `name`, `computeType`, `tags`, `properties`, `orderBy` of OnlineEndpoints_List. @throws ArmError 400 */
export function wantedEndpoints(all: EndpointRecord[], request: FastifyRequest): EndpointRecord[] {
  const get = (name: string): string | undefined => queryValue(request, name);
  const name = get('name');
  const compute = oneOf({ computeType: get('computeType') }, 'computeType', ['Managed', 'Kubernetes', 'Any'], 'Any');
  const hasTags = tagFilter(get('tags'));
  const hasProperties = tagFilter(get('properties'));
  const found = all.filter(
    endpoint =>
      (name === undefined || endpoint.name.toLowerCase() === name.toLowerCase()) &&
      (compute === 'Any' || compute === (endpoint.compute ? 'Kubernetes' : 'Managed')) &&
      hasTags(endpoint.tags) &&
      hasProperties(endpoint.properties),
  );
  const orderBy = oneOf({ orderBy: get('orderBy') }, 'orderBy', orders, 'CreatedAtAsc');
  const time = (endpoint: EndpointRecord): string =>
    orderBy.startsWith('Created') ? endpoint.createdAt : endpoint.modifiedAt;
  const sign = orderBy.endsWith('Desc') ? -1 : 1;
  return found.sort((a, b) => sign * time(a).localeCompare(time(b)));
}
