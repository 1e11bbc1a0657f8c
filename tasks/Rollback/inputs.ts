import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { assetName, endpointName, TaskInputs } from '../../lib/host/task-inputs';
import type { RollbackTo } from '../../lib/release/rollback-plan';
import type { ConfigTarget } from './restore-config';

export interface RollbackInputs {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
  /** Each endpoint, in the order given, and where it goes back to. */
  readonly endpoints: ReadonlyMap<string, RollbackTo>;
  readonly reason: string | undefined;
  /** Undefined: the application's configuration is left alone. */
  readonly config: ConfigTarget | undefined;
  /** Whether a build of a pull request says there what came of it. */
  readonly pullRequestComment: boolean;
  readonly whatIf: boolean;
  /** Rehearses, and changes no live traffic. */
  readonly drill: boolean;
}

export function readInputs(host: TaskHost): RollbackInputs {
  const inputs = new TaskInputs(host);
  const read: RollbackInputs = {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
    endpoints: readEndpoints(inputs),
    reason: inputs.optional('reason'),
    config: readConfig(inputs),
    pullRequestComment: inputs.boolean('pullRequestComment', true),
    whatIf: inputs.boolean('whatIf', false),
    drill: inputs.boolean('drill', false),
  };
  inputs.finish();
  return read;
}

function readConfig(inputs: TaskInputs): ConfigTarget | undefined {
  const connection = inputs.connection('kubernetesServiceConnection');
  if (!connection) return undefined;
  const configMapName = inputs.optional('configMapName') ?? 'guardian-config';
  return {
    connection,
    namespace: inputs.optional('namespace'),
    configMapName,
    secretName: inputs.optional('secretName') ?? `${configMapName}-secrets`,
    rolloutTimeoutInMinutes: inputs.integer('rolloutTimeoutInMinutes', { min: 1, max: 1440 }) ?? 10,
  };
}

/** Names, one a line or separated by commas, each with `= target` behind it where it goes elsewhere than the others. */
function readEndpoints(inputs: TaskInputs): ReadonlyMap<string, RollbackTo> {
  inputs.required('endpointNames');
  const text = inputs.optional('to') ?? 'previous';
  const forAll = parseTo(text);
  if (forAll === undefined) inputs.problem('to', `is "${text}", but must be ${targetForms}`);
  const endpoints = new Map<string, RollbackTo>();
  const items = inputs
    .lines('endpointNames')
    .flatMap(line => line.split(','))
    .map(item => item.trim())
    .filter(item => item !== '');
  for (const item of items) {
    const [name = '', ...rest] = item.split('=').map(part => part.trim());
    const target = rest.length === 0 ? forAll : parseTo(rest.join('='));
    if (!endpointName.pattern.test(name)) {
      inputs.problem('endpointNames', `names "${name}", but a name must be ${endpointName.says}`);
    }
    if (rest.length > 0 && target === undefined) {
      inputs.problem('endpointNames', `sends ${name} to "${rest.join('=')}", which must be ${targetForms}`);
    }
    const earlier = endpoints.get(name);
    if (earlier !== undefined && JSON.stringify(earlier) !== JSON.stringify(target ?? 'previous')) {
      inputs.problem('endpointNames', `names ${name} twice, with different targets`);
    }
    endpoints.set(name, target ?? 'previous');
  }
  return endpoints;
}

const targetForms =
  '`previous`, the number of a revision, a model version as `name:version` or `model:version`, or the name of a deployment';

function parseTo(text: string): RollbackTo | undefined {
  if (/^previous$/i.test(text)) return 'previous';
  const number = /^(?:revision:)?([1-9]\d{0,8})$/.exec(text)?.[1];
  if (number) return Number(number);
  const [, prefix = '', rest = ''] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (prefix === 'deployment') return endpointName.pattern.test(rest) ? { deployment: rest } : undefined;
  if (prefix !== '') {
    const isName = assetName.pattern.test(prefix) && assetName.pattern.test(rest);
    return isName ? { model: prefix === 'model' ? undefined : prefix, version: rest } : undefined;
  }
  return endpointName.pattern.test(text) ? { deployment: text } : undefined;
}
