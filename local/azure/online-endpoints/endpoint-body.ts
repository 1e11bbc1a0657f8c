import { randomBytes, randomUUID } from 'node:crypto';
import { ArmError, userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import { invalid, oneOf, optionalRecord, record, text, type Body } from '../jobs/body-fields';
import { requireMirror, requireTraffic } from './endpoint-rules';
import type { EndpointIdentity, EndpointRecord } from './endpoint-store';

const authModes = ['Key', 'AMLToken', 'AADToken'] as const;
const identityTypes = ['None', 'SystemAssigned', 'UserAssigned', 'SystemAssigned,UserAssigned'] as const;

export interface EndpointPut {
  name: string;
  body: Body;
  old: EndpointRecord | undefined;
  /** Names of the endpoint's deployments. */
  deployments: readonly string[];
  region: string;
  /** Client id of the caller. */
  caller: string;
}

/** What a PUT of an endpoint asks for. A PUT replaces: without traffic, every deployment gets none. @throws ArmError 400 */
export function endpointFromBody({ name, body, old, deployments, region, caller }: EndpointPut): EndpointRecord {
  const given = record(body, 'properties');
  const at = 'properties.';
  if (text(given, 'authMode', at) === null) throw requiredField('properties.authMode');
  const authMode = oneOf(given, 'authMode', authModes, 'Key', at);
  const compute = computeOf(given, old);
  if (compute !== null && authMode === 'AADToken')
    throw userError('The authMode AADToken is for managed online endpoints only.', { target: 'authMode' });
  if (!old && Object.keys(record(given, 'traffic', at)).length > 0)
    throw userError('Traffic cannot be set when the endpoint is created: its deployments must exist first.', {
      target: 'traffic',
    });
  const traffic = requireTraffic(given.traffic, deployments);
  const mirrorTraffic = requireMirror(given.mirrorTraffic, traffic, deployments);
  if (compute !== null && Object.values(mirrorTraffic).some(share => share > 0))
    throw userError('Traffic of Kubernetes online endpoints cannot be mirrored.', { target: 'mirrorTraffic' });
  const location = text(body, 'location') ?? old?.location ?? region;
  if (location.replace(/ /g, '').toLowerCase() !== region)
    throw new ArmError(
      400,
      'LocationNotAvailableForResourceType',
      `The location of the endpoint must be that of the workspace, ${region}, not ${location}.`,
    );
  const now = new Date().toISOString();
  return {
    name,
    location: region,
    tags: stringMap(body.tags, 'tags'),
    identity: identityFromBody(optionalRecord(body, 'identity'), old?.identity),
    authMode,
    description: text(given, 'description', at),
    properties: stringMap(given.properties, 'properties'),
    publicNetworkAccess: oneOf(given, 'publicNetworkAccess', ['Enabled', 'Disabled'], 'Enabled', at),
    compute,
    traffic,
    mirrorTraffic,
    keys: old?.keys ?? initialKeys(record(given, 'keys', at)),
    provisioningState: old ? 'Updating' : 'Creating',
    createdAt: old?.createdAt ?? now,
    createdBy: old ? (old.createdBy ?? caller) : caller,
    modifiedAt: now,
    modifiedBy: caller,
  };
}

/**
 * The identity that a body asks for; what is not named stays, and a new endpoint gets a system-assigned one, as the service gives it.
 * @throws ArmError 400
 */
export function identityFromBody(given: Body | null, old: EndpointIdentity | undefined): EndpointIdentity | undefined {
  const current = old ?? { type: 'SystemAssigned' };
  const type = oneOf(spaceless(given ?? {}), 'type', identityTypes, current.type as 'SystemAssigned', 'identity.');
  if (type === 'None') return undefined;
  const users = given === null ? undefined : optionalRecord(given, 'userAssignedIdentities', 'identity.');
  const ids = users ? Object.keys(users) : Object.keys(old?.userAssignedIdentities ?? {});
  if (type.includes('UserAssigned') && ids.length === 0)
    throw userError('An identity of type UserAssigned needs userAssignedIdentities.', { target: 'identity' });
  return {
    type,
    ...(type.includes('SystemAssigned') ? { principalId: old?.principalId ?? randomUUID() } : {}),
    ...(type.includes('UserAssigned')
      ? {
          userAssignedIdentities: Object.fromEntries(
            ids.map(id => [
              id,
              old?.userAssignedIdentities?.[id] ?? { principalId: randomUUID(), clientId: randomUUID() },
            ]),
          ),
        }
      : {}),
  };
}

export function newKey(): string {
  return randomBytes(32).toString('base64url');
}

export function requiredField(field: string): ArmError {
  return new ArmError(400, 'BadRequest', 'The request is invalid.', {
    details: [{ code: 'RequiredField', message: `${field} is required.` }],
  });
}

/** The Kubernetes compute; where the endpoint runs cannot change. */
function computeOf(given: Body, old: EndpointRecord | undefined): string | null {
  const compute = text(given, 'compute', 'properties.');
  if (!old) return compute;
  const before = old.compute ?? null;
  if (compute !== null && compute.toLowerCase() !== before?.toLowerCase())
    throw userError(`The compute of the endpoint ${old.name} cannot be changed.`, { target: 'compute' });
  return before;
}

function initialKeys(given: Body): EndpointRecord['keys'] {
  const key = (name: string): string => {
    const value = text(given, name, 'properties.keys.');
    if (value !== null && !/^\S{1,256}$/.test(value)) throw invalid(`properties.keys.${name}`, 'is not a usable key');
    return value ?? newKey();
  };
  return { primaryKey: key('primaryKey'), secondaryKey: key('secondaryKey') };
}

/** Clients write `SystemAssigned, UserAssigned` too. */
function spaceless(identity: Body): Body {
  return typeof identity.type === 'string' ? { ...identity, type: identity.type.replace(/\s/g, '') } : identity;
}
