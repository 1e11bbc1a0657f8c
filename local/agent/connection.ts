import { environmentName } from './variables';

/** A service connection of the project. */
export interface Connection {
  /** GUID in lower case. */
  id: string;
  name: string;
  type: 'azurerm' | 'kubernetes';
  url: string;
  /** Authorization scheme, such as ServicePrincipal or Token. */
  scheme: string;
  /** Authorization parameters. All but a few well-known keys are secrets to the agent. */
  parameters: Record<string, string>;
  data: Record<string, string>;
}

/** Keys of authorization parameters that the agent does not mask (MaskingUtil of azure-pipelines-agent), in lower case. */
const openParameters = new Set([
  'role',
  'scope',
  'tenantid',
  'issuedat',
  'expiresat',
  'audience',
  'authenticationtype',
  'authorizationtype',
  'accesstokentype',
  'accesstokenfetchingmethod',
  'usewindowssecurity',
  'unsecured',
  'oauthaccesstokenissupplied',
  'completecallbackpayload',
  'acceptuntrustedcerts',
]);

/** Values of a connection that must not appear in a log. */
export function secretsOf(connection: Pick<Connection, 'parameters'>): string[] {
  return Object.entries(connection.parameters)
    .filter(([key]) => !openParameters.has(key.toLowerCase()))
    .map(([, value]) => value);
}

/** The variables by which a task gets a connection; its id is part of their names. The agent's own connection has no data. */
export function connectionVariables(
  connection: Omit<Connection, 'name' | 'type' | 'data'> & { data?: Connection['data'] },
): Record<string, string> {
  const { id, url, scheme, parameters, data } = connection;
  const variables: Record<string, string> = {
    [`ENDPOINT_URL_${id}`]: url,
    [`ENDPOINT_AUTH_${id}`]: JSON.stringify({ parameters, scheme }),
    [`ENDPOINT_AUTH_SCHEME_${id}`]: scheme,
    ...(data ? { [`ENDPOINT_DATA_${id}`]: JSON.stringify(data) } : {}),
  };
  for (const [key, value] of Object.entries(parameters))
    variables[`ENDPOINT_AUTH_PARAMETER_${id}_${environmentName(key)}`] = value;
  for (const [key, value] of Object.entries(data ?? {}))
    variables[`ENDPOINT_DATA_${id}_${environmentName(key)}`] = value;
  return variables;
}
