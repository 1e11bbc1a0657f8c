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
