import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { endpointName, TaskInputs } from '../../lib/host/task-inputs';
import type { ConfigTarget } from './restore-config';

export interface RollbackInputs {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
  readonly endpointNames: readonly string[];
  readonly to: 'previous' | number;
  readonly reason: string | undefined;
  /** Undefined: the application's configuration is left alone. */
  readonly config: ConfigTarget | undefined;
  readonly whatIf: boolean;
}

export function readInputs(host: TaskHost): RollbackInputs {
  const inputs = new TaskInputs(host);
  const read: RollbackInputs = {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
    endpointNames: endpointNames(inputs),
    to: readTo(inputs),
    reason: inputs.optional('reason'),
    config: readConfig(inputs),
    whatIf: inputs.boolean('whatIf', false),
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

function endpointNames(inputs: TaskInputs): string[] {
  inputs.required('endpointNames');
  const names = inputs
    .lines('endpointNames')
    .flatMap(line => line.split(','))
    .map(name => name.trim())
    .filter(name => name !== '');
  for (const name of names.filter(one => !endpointName.pattern.test(one))) {
    inputs.problem('endpointNames', `names "${name}", but a name must be ${endpointName.says}`);
  }
  return [...new Set(names)];
}

function readTo(inputs: TaskInputs): 'previous' | number {
  const to = inputs.optional('to', {
    pattern: /^(previous|[1-9]\d{0,8})$/,
    says: '`previous` or the number of a revision',
  });
  return to === undefined || to === 'previous' ? 'previous' : Number(to);
}
