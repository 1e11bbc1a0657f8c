import { existsSync, readFileSync } from 'node:fs';
import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { endpointName, TaskInputs, type NameRule } from '../../lib/host/task-inputs';
import type { ConsumerChoice } from '../../lib/kubernetes/config-consumers';
import { parseWorkloadName, workloadKinds } from '../../lib/kubernetes/workloads';
import { parseEntries, parseJsonEntries, type Entry, type EntryRules, type ParsedEntries } from './entries';
import { parseTargets, type TargetLine } from './targets';

/** Where the endpoints are that entries refer to. */
export interface EndpointSource {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
}

/** How the clusters are reached. */
export type ClusterAccess =
  | { readonly kind: 'serviceConnection'; readonly connections: readonly ServiceConnection[] }
  | {
      readonly kind: 'aks';
      readonly resourceGroup: string;
      readonly clusters: readonly string[];
      readonly credentials: 'user' | 'admin';
    }
  | { readonly kind: 'kubeconfig'; readonly kubeconfig: string; readonly contexts: readonly string[] };

export interface SyncInputs {
  readonly access: ClusterAccess;
  /** For AKS, for clusters that sign in to Entra ID, and for endpoints. */
  readonly azure: ServiceConnection | undefined;
  readonly namespace: string | undefined;
  readonly configMapName: string;
  readonly secretName: string | undefined;
  /** Empty: one, as the other inputs say. */
  readonly targets: readonly TargetLine[];
  readonly entries: readonly Entry[];
  /** There whenever an entry refers to an endpoint. */
  readonly endpoints: EndpointSource | undefined;
  readonly secretsIn: 'secret' | 'configMap';
  readonly removeUnlisted: boolean;
  readonly onConflict: 'fail' | 'force' | 'skip';
  readonly whenImmutable: 'fail' | 'version';
  readonly consumers: ConsumerChoice | undefined;
  readonly rolloutTimeoutInMinutes: number;
  readonly onRolloutFailure: 'restore' | 'keep';
  readonly keepSnapshots: number;
  readonly rotate: 'none' | 'secondary';
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
  const entries = readEntries(inputs, host);
  const restart = inputs.boolean('restartConsumers', true);
  const read: SyncInputs = {
    access: clusterAccess(inputs, host),
    azure: inputs.connection('azureSubscription'),
    namespace: inputs.optional('namespace', namespaceName),
    configMapName: inputs.optional('configMapName', objectName) ?? 'guardian-config',
    secretName: inputs.optional('secretName', objectName),
    targets: readTargets(inputs),
    entries,
    endpoints: entries.some(entry => 'endpoint' in entry) ? endpointSource(inputs) : undefined,
    secretsIn: inputs.choice('secretsIn', ['secret', 'configMap'], 'secret'),
    removeUnlisted: inputs.boolean('removeUnlisted', true),
    onConflict: inputs.choice('onConflict', ['fail', 'force', 'skip'], 'fail'),
    whenImmutable: inputs.choice('whenImmutable', ['fail', 'version'], 'fail'),
    consumers: restart ? consumerChoice(inputs) : undefined,
    rolloutTimeoutInMinutes: inputs.integer('rolloutTimeoutInMinutes', { min: 1, max: 1440 }) ?? 10,
    onRolloutFailure: inputs.choice('onRolloutFailure', ['restore', 'keep'], 'restore'),
    keepSnapshots: inputs.integer('keepSnapshots', { min: 1, max: 100 }) ?? 10,
    rotate: inputs.choice('rotate', ['none', 'secondary'], 'none'),
    whatIf: inputs.boolean('whatIf', false),
  };
  if (read.access.kind === 'aks' && !read.azure) inputs.problem('azureSubscription', 'is required with access: aks');
  checkRotation(inputs, read);
  inputs.finish();
  return read;
}

function clusterAccess(inputs: TaskInputs, host: TaskHost): ClusterAccess {
  switch (inputs.choice('access', ['serviceConnection', 'aks', 'kubeconfig'], 'serviceConnection')) {
    case 'serviceConnection':
      return { kind: 'serviceConnection', connections: kubernetesConnections(inputs, host) };
    case 'aks':
      return {
        kind: 'aks',
        resourceGroup: inputs.optional('aksResourceGroup') ?? inputs.optional('resourceGroup') ?? '',
        clusters: namesIn(inputs.required('aksCluster')),
        credentials: inputs.choice('aksCredentials', ['user', 'admin'], 'user'),
      };
    case 'kubeconfig':
      return {
        kind: 'kubeconfig',
        kubeconfig: inputs.required('kubeconfig'),
        contexts: namesIn(inputs.optional('kubeContext') ?? ''),
      };
  }
}

/** The agent passes several connections as their ids with commas between. */
function kubernetesConnections(inputs: TaskInputs, host: TaskHost): ServiceConnection[] {
  const name = 'kubernetesServiceConnection';
  return namesIn(inputs.required(name)).flatMap(id => {
    try {
      return [host.connection(id)];
    } catch (error) {
      inputs.problem(name, error instanceof Error ? error.message : String(error));
      return [];
    }
  });
}

function namesIn(text: string): string[] {
  return text
    .split(/[\r\n,]+/)
    .map(name => name.trim())
    .filter(Boolean);
}

/** From lines, secret lines and a file; a key may be there once. */
function readEntries(inputs: TaskInputs, host: TaskHost): Entry[] {
  const folder = host.variable('System.DefaultWorkingDirectory') ?? '.';
  const sources: { name: string; parsed: ParsedEntries }[] = [
    { name: 'entries', parsed: parseEntries(host.input('entries') ?? '', { secret: false, folder }) },
    { name: 'secretEntries', parsed: parseEntries(host.input('secretEntries') ?? '', { secret: true, folder }) },
    { name: 'entriesFile', parsed: fromFile(inputs, { secret: false, folder }) },
  ];
  const entries = new Map<string, Entry>();
  for (const { name, parsed } of sources) {
    for (const problem of parsed.problems) inputs.problem(name, problem);
    for (const entry of parsed.entries) {
      if (entries.has(entry.key)) inputs.problem(name, `names ${entry.key}, which another input names already`);
      entries.set(entry.key, entry);
      if ('endpoint' in entry && !endpointName.pattern.test(entry.endpoint)) {
        inputs.problem(name, `names the endpoint "${entry.endpoint}", but it must be ${endpointName.says}`);
      }
    }
  }
  if (entries.size === 0 && sources.every(({ parsed }) => parsed.problems.length === 0)) {
    inputs.problem('entries', host.input('entries') ? 'holds no entry' : 'is required and was not given');
  }
  return [...entries.values()];
}

function fromFile(inputs: TaskInputs, rules: EntryRules): ParsedEntries {
  const path = inputs.optionalPath('entriesFile');
  if (path === undefined) return { entries: [], problems: [] };
  if (!existsSync(path)) return { entries: [], problems: [`names ${path}, which is not there`] };
  try {
    const text = readFileSync(path, 'utf8');
    return path.endsWith('.json') ? parseJsonEntries(text, rules) : parseEntries(text, rules);
  } catch (error) {
    return {
      entries: [],
      problems: [`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`],
    };
  }
}

function readTargets(inputs: TaskInputs): TargetLine[] {
  const { targets, problems } = parseTargets(inputs.lines('targets'));
  for (const problem of problems) inputs.problem('targets', problem);
  const rules = { namespace: namespaceName, configMapName: objectName, secretName: objectName };
  for (const target of targets) {
    for (const [name, rule] of Object.entries(rules)) {
      const value = target[name as keyof typeof rules];
      if (value !== undefined && !rule.pattern.test(value))
        inputs.problem('targets', `has "${value}", but it must be ${rule.says}`);
    }
  }
  return targets;
}

function consumerChoice(inputs: TaskInputs): ConsumerChoice {
  const lines = inputs.lines('consumers').flatMap(line => (line.startsWith('selector:') ? [line] : namesIn(line)));
  const [selector] = lines.filter(line => line.startsWith('selector:'));
  if (selector !== undefined) {
    if (lines.length > 1) inputs.problem('consumers', 'holds a selector and something else; one of them is possible');
    const labelSelector = selector.slice('selector:'.length).trim();
    if (labelSelector === '') inputs.problem('consumers', 'holds an empty selector');
    return { kind: 'selected', labelSelector };
  }
  if (lines.length === 0) return { kind: 'found' };
  const workloads = lines.flatMap(line => {
    const id = parseWorkloadName(line);
    if (!id)
      inputs.problem(
        'consumers',
        `has "${line}", but a line reads kind/name, with kind one of ${workloadKinds.join(', ')}`,
      );
    return id ? [id] : [];
  });
  return { kind: 'listed', workloads };
}

function endpointSource(inputs: TaskInputs): EndpointSource {
  return {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
  };
}

function checkRotation(inputs: TaskInputs, { rotate, entries, consumers }: SyncInputs): void {
  if (rotate === 'none') return;
  if (!entries.some(entry => 'endpoint' in entry && entry.field === 'primaryKey')) {
    inputs.problem('rotate', 'is secondary, but no entry takes the primaryKey of an endpoint');
  }
  if (consumers?.kind !== 'found') {
    inputs.problem(
      'rotate',
      'is secondary, so every workload that reads the key must restart: leave consumers empty and restartConsumers true',
    );
  }
}
