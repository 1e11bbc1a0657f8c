import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { endpointName, TaskInputs, type NameRule } from '../../lib/host/task-inputs';
import { parseEntries, type Entry } from './entries';

/** Where the endpoints are that entries refer to. */
export interface EndpointSource {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
}

export interface SyncInputs {
  readonly kubernetesConnection: ServiceConnection;
  readonly namespace: string | undefined;
  readonly configMapName: string;
  readonly secretName: string;
  readonly entries: readonly Entry[];
  /** There whenever an entry refers to an endpoint. */
  readonly endpoints: EndpointSource | undefined;
  readonly secretsIn: 'secret' | 'configMap';
  readonly onConflict: 'fail' | 'force';
  readonly restartConsumers: boolean;
  readonly rolloutTimeoutInMinutes: number;
  readonly whatIf: boolean;
}

const objectName: NameRule = {
  pattern: /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  says: 'small letters, digits, hyphens and dots, starting and ending with a letter or digit',
};

const namespaceName: NameRule = {
  pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  says: 'up to 63 small letters, digits and hyphens, starting and ending with a letter or digit',
};

export function readInputs(host: TaskHost): SyncInputs {
  const inputs = new TaskInputs(host);
  const { entries, problems } = parseEntries(inputs.required('entries'));
  for (const problem of problems) inputs.problem('entries', problem);
  if (entries.length + problems.length === 0 && host.input('entries')) inputs.problem('entries', 'holds no entry');
  for (const entry of entries) {
    if ('endpoint' in entry && !endpointName.pattern.test(entry.endpoint)) {
      inputs.problem('entries', `names the endpoint "${entry.endpoint}", but it must be ${endpointName.says}`);
    }
  }
  const configMapName = inputs.optional('configMapName', objectName) ?? 'guardian-config';
  const read: SyncInputs = {
    kubernetesConnection: inputs.requiredConnection('kubernetesServiceConnection'),
    namespace: inputs.optional('namespace', namespaceName),
    configMapName,
    secretName: inputs.optional('secretName', objectName) ?? `${configMapName}-secrets`,
    entries,
    endpoints: entries.some(entry => 'endpoint' in entry) ? endpointSource(inputs) : undefined,
    secretsIn: inputs.choice('secretsIn', ['secret', 'configMap'], 'secret'),
    onConflict: inputs.choice('onConflict', ['fail', 'force'], 'fail'),
    restartConsumers: inputs.boolean('restartConsumers', true),
    rolloutTimeoutInMinutes: inputs.integer('rolloutTimeoutInMinutes', { min: 1, max: 1440 }) ?? 10,
    whatIf: inputs.boolean('whatIf', false),
  };
  inputs.finish();
  return read;
}

function endpointSource(inputs: TaskInputs): EndpointSource {
  return {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
  };
}
