import type { Options } from 'yargs';
import { clouds, logins, type LoginFlags } from './azure-login';
import { textFlag, type Flags } from './flags';

const group = 'Sign-in:';

/** Flags of every command that goes to Azure. */
export const azureOptions = {
  subscription: { group, type: 'string', describe: "Subscription; AZURE_SUBSCRIPTION_ID or az's own unless given" },
  login: {
    group,
    choices: logins,
    describe: 'How to sign in; a service principal where the AZURE_* variables name one, else az login',
  },
  cloud: { group, type: 'string', describe: `${clouds.map(({ name }) => name).join(', ')}; az's own unless given` },
  'arm-url': { group, type: 'string', describe: 'Azure Resource Manager of another cloud' },
  authority: { group, type: 'string', describe: 'Sign-in address of another cloud' },
} satisfies Record<string, Options>;

export const kubernetesOptions = {
  context: {
    group,
    type: 'string',
    describe: 'Context of your kubeconfig (KUBECONFIG or ~/.kube/config); its current one unless given',
  },
} satisfies Record<string, Options>;

/** Flags of every command that prints. */
export const outputOptions = {
  json: { type: 'boolean', describe: 'Print the result as JSON; the log goes to standard error' },
} satisfies Record<string, Options>;

export function loginFlags(flags: Flags): LoginFlags {
  return {
    login: logins.find(login => login === flags['login']),
    subscription: textFlag(flags, 'subscription'),
    cloud: textFlag(flags, 'cloud'),
    armUrl: textFlag(flags, 'arm-url'),
    authority: textFlag(flags, 'authority'),
  };
}
