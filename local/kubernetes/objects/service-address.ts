import { randomInt } from 'node:crypto';
import { isRecord, type ApiObject } from './api-object';
import type { Resource } from './resources';

/**
 * Gives a Service its address in the cluster, and keeps it over changes. Nothing listens there: an address is part of
 * what a Service is, and other objects may name it.
 */
export function withServiceAddress(resource: Resource, object: ApiObject, live: ApiObject | undefined): ApiObject {
  if (resource.kind !== 'Service' || !isRecord(object.spec)) return object;
  const { spec } = object;
  if (spec.type === 'ExternalName' || spec.clusterIP) return object;
  const before = isRecord(live?.spec) ? live.spec.clusterIP : undefined;
  const clusterIP = typeof before === 'string' ? before : `10.96.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  return {
    ...object,
    spec: { ...spec, clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' },
  };
}
