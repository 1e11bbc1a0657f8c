import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalDescription } from '../../local/description';

/**
 * Writes a program `az` that is logged in to local Azure, for machines without the Azure CLI: it answers the three calls
 * that a caller's login needs as azure-cli 2.91.0 does. @returns the folder for the PATH
 */
export function azDouble(folder: string, description: LocalDescription): string {
  const { arm, authority, subscriptionId, tenantId, clientId, clientSecret } = description;
  mkdirSync(folder, { recursive: true });
  const program = `#!${process.execPath}
const args = process.argv.slice(2).join(' ');
const print = value => console.log(JSON.stringify(value));
const option = name => process.argv[process.argv.indexOf(name) + 1];
if (args.startsWith('cloud show')) {
  print({ name: 'LocalCloud', endpoints: { resourceManager: '${arm}', activeDirectory: '${authority}', activeDirectoryResourceId: '${arm}' } });
} else if (args.startsWith('account show')) {
  if (process.env.AZ_LOGGED_OUT) { console.error("ERROR: Please run 'az login' to setup account."); process.exit(1); }
  print({ id: '${subscriptionId}', tenantId: '${tenantId}', environmentName: 'LocalCloud' });
} else if (args.startsWith('account get-access-token')) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: '${clientId}', client_secret: '${clientSecret}', scope: option('--resource') + '/.default' });
  fetch('${authority}/' + option('--tenant') + '/oauth2/v2.0/token', { method: 'POST', body }).then(answer => answer.json()).then(({ access_token, expires_in }) => {
    const expires = new Date(Date.now() + expires_in * 1000);
    print({ accessToken: access_token, expires_on: Math.floor(expires / 1000), expiresOn: expires.toISOString(), tokenType: 'Bearer', tenant: '${tenantId}' });
  });
} else process.exit(2);
`;
  const file = join(folder, 'az');
  writeFileSync(file, program);
  chmodSync(file, 0o755);
  return folder;
}
