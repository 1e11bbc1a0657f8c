import { userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import { type Body, oneOf, record, requiredText, text } from '../jobs/body-fields';
import type { Datastore } from './datastores';

const kinds = ['AzureBlob', 'AzureFile', 'AzureDataLakeGen1', 'AzureDataLakeGen2', 'OneLake'] as const;
const identities = ['None', 'WorkspaceSystemAssignedIdentity', 'WorkspaceUserAssignedIdentity'] as const;

/** The field that names the place, by kind. */
export const placeField = {
  AzureBlob: 'containerName',
  AzureFile: 'fileShareName',
  AzureDataLakeGen1: 'storeName',
  AzureDataLakeGen2: 'filesystem',
  OneLake: 'artifact',
} as const satisfies Record<Datastore['kind'], string>;

/** The secret of each kind of credentials, and what else they are made of. */
const credentialFields = {
  None: { fields: [] },
  AccountKey: { secret: 'key', fields: [] },
  Sas: { secret: 'sasToken', fields: [] },
  ServicePrincipal: { secret: 'clientSecret', fields: ['authorityUrl', 'clientId', 'resourceUrl', 'tenantId'] },
  Certificate: {
    secret: 'certificate',
    fields: ['authorityUrl', 'clientId', 'resourceUrl', 'tenantId', 'thumbprint'],
  },
} as const satisfies Record<string, { secret?: string; fields: readonly string[] }>;

const required = new Set(['clientId', 'tenantId', 'thumbprint']);

/**
 * Reads the `properties` of Datastores_CreateOrUpdate. https://learn.microsoft.com/rest/api/azureml/datastores/create-or-update
 * @throws ArmError 400 that names the field
 */
export function readDatastore(name: string, given: Body): Datastore {
  requiredText(given, 'datastoreType');
  const kind = oneOf(given, 'datastoreType', kinds, 'AzureBlob');
  const hasAccount = kind !== 'AzureDataLakeGen1' && kind !== 'OneLake';
  const words = { description: text(given, 'description'), tags: stringMap(given.tags, 'tags') };
  const common = {
    name,
    kind,
    properties: {
      ...words,
      serviceDataAccessAuthIdentity: oneOf(given, 'serviceDataAccessAuthIdentity', identities, 'None'),
      ...(hasAccount
        ? { endpoint: text(given, 'endpoint') ?? 'core.windows.net', protocol: text(given, 'protocol') ?? 'https' }
        : {}),
      ...(kind === 'OneLake'
        ? { oneLakeWorkspaceName: requiredText(given, 'oneLakeWorkspaceName'), artifact: record(given, 'artifact') }
        : {}),
    },
    ...(hasAccount ? { account: requiredText(given, 'accountName') } : {}),
    ...readCredentials(record(given, 'credentials')),
  };
  if (kind === 'OneLake')
    return { ...common, place: requiredText(record(given, 'artifact'), 'artifactName', 'artifact.') };
  return { ...common, place: requiredText(given, placeField[kind]) };
}

function readCredentials(given: Body): Pick<Datastore, 'credentials' | 'secrets'> {
  const where = 'credentials.';
  requiredText(given, 'credentialsType', where);
  const type = oneOf(
    given,
    'credentialsType',
    Object.keys(credentialFields) as (keyof typeof credentialFields)[],
    'None',
    where,
  );
  const { fields, ...its } = credentialFields[type];
  const credentials: Body = { credentialsType: type };
  for (const field of fields)
    credentials[field] = required.has(field) ? requiredText(given, field, where) : text(given, field, where);
  if (!('secret' in its)) return { credentials, secrets: null };
  const value = text(record(given, 'secrets', where), its.secret, `${where}secrets.`);
  if (value === null)
    throw userError(`The ${where}secrets.${its.secret} field is required.`, { target: `${where}secrets` });
  return { credentials, secrets: { secretsType: type, [its.secret]: value } };
}
