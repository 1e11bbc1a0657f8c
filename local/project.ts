import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Connection } from './agent/connection';
import type { RecordsFeed } from './agent/run-records';
import type { TaskResult } from './agent/task-result';
import type { LocalDescription } from './description';
import type { PipelineEvent } from './pipeline/run-record';

export type { Connection } from './agent/connection';

/** A variable group's variables by name. */
export type VariableGroup = Record<string, string | { value: string; isSecret: true }>;

/** What a run says about itself when it begins. */
export interface RunStart {
  id: number;
  buildNumber: string;
  /** System.PlanId. */
  planId: string;
  /** The pipeline's name. */
  definition: string;
  sourceBranch: string;
  sourceVersion: string;
  repositoryId: string;
}

/** A run as Azure DevOps shows it, told as it goes on. */
export interface RunFeed extends RecordsFeed {
  event(event: PipelineEvent): void;
  /** All of the build's tags, those that were added over REST as well. */
  tags(): string[];
  finish(result: TaskResult, buildNumber: string): void;
}

/** The project in Azure DevOps that a pipeline belongs to. */
export interface Project {
  name: string;
  /** URL of the organisation, with a slash at the end. */
  collectionUri: string;
  /** The repository that `checkout: self` means; absolute paths of templates belong to it as well. */
  sourcesDir: string;
  /** Folders that hold the installed tasks' folders. */
  taskDirs: string[];
  connections: Connection[];
  variableGroups: Record<string, VariableGroup>;
  /** What the agents' machine has in its environment, such as NODE_EXTRA_CA_CERTS. */
  environmentVariables: Record<string, string>;
  /** The next run's number: one higher at each call, also by other processes that share the state. */
  nextBuildId: () => number;
  /** The job's own token (System.AccessToken). */
  accessToken: string;
  /** Where jobs get ID tokens for workload identity (System.OidcRequestUri). */
  oidcRequestUri?: string;
  /** Shows a run in the service; without it runs are in their folders only. */
  openRun?: (start: RunStart) => RunFeed;
}

/** What a project needs to know of local Azure and Kubernetes. */
export interface LocalCloudFacts {
  description: LocalDescription;
  /** Token of the service account that the pipeline uses; the kubeconfig's own unless given. */
  serviceAccountToken?: string;
  /** A kubeconfig of another cluster, which the pipelines' Kubernetes connection then means. */
  otherClusterKubeconfig?: string;
  oidcRequestUri?: string;
  systemAccessToken?: string;
  /** Azure DevOps. */
  pipelines?: PipelineService;
}

/** What a project has in Azure DevOps. */
export interface PipelineService {
  openRun(start: RunStart): RunFeed;
  /** Gives the library these groups, and gives back what is in it: groups that were changed over REST stay as they are. */
  variableGroups(seeds: Record<string, VariableGroup>): Record<string, VariableGroup>;
}

export interface LocalProjectOptions {
  /** The current folder unless given. */
  sourcesDir?: string;
  taskDirs?: string[];
  /** YAML file of variable groups; variable-groups.yml beside the pipelines in the sources unless given. */
  variableGroupsFile?: string;
  /** File that counts the runs; `pipeline-runs` beside the kubeconfig unless given. */
  counterFile?: string;
}

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data'?: string } }[];
  users: { user: { token?: string } }[];
}

/**
 * A project on local Azure with the two service connections of the samples.
 * @throws Error when the kubeconfig or the variable groups cannot be read.
 */
export function localProject(cloud: LocalCloudFacts, options: LocalProjectOptions = {}): Project {
  const { description, serviceAccountToken, otherClusterKubeconfig, oidcRequestUri, systemAccessToken, pipelines } =
    cloud;
  const sourcesDir = resolve(options.sourcesDir ?? '.');
  const seeds = readGroups(options.variableGroupsFile ?? join(pipelinesFolder(sourcesDir), 'variable-groups.yml'));
  const connectionNames = readConnectionNames(join(pipelinesFolder(sourcesDir), 'service-connections.yml'));
  return {
    name: 'guardian-ai',
    collectionUri: `${description.arm}/_devops/`,
    sourcesDir,
    taskDirs: options.taskDirs ?? [],
    connections: [
      { ...azureConnection(description), name: connectionNames.azure },
      {
        ...(otherClusterKubeconfig === undefined
          ? kubernetesConnection(description, serviceAccountToken)
          : otherClusterConnection(otherClusterKubeconfig)),
        name: connectionNames.kubernetes,
      },
    ],
    get variableGroups() {
      return pipelines?.variableGroups(seeds) ?? seeds;
    },
    environmentVariables: { NODE_EXTRA_CA_CERTS: description.ca },
    nextBuildId: runCounter(options.counterFile ?? join(dirname(description.kubeconfig), 'pipeline-runs')),
    accessToken: systemAccessToken ?? randomUUID(),
    ...(oidcRequestUri === undefined ? {} : { oidcRequestUri }),
    ...(pipelines ? { openRun: start => pipelines.openRun(start) } : {}),
  };
}

/** Where a project keeps its pipelines: this repository among its samples, one that was made from them at its top. */
function pipelinesFolder(sourcesDir: string): string {
  const own = join(sourcesDir, 'pipelines');
  return existsSync(own) ? own : join(sourcesDir, 'samples/pipelines');
}

function readGroups(file: string): Record<string, VariableGroup> {
  return existsSync(file) ? readVariableGroups(file) : {};
}

/** What the project's service connections are called. @throws Error that names the file */
function readConnectionNames(file: string): { azure: string; kubernetes: string } {
  const usual = { azure: 'guardian-azure-connection', kubernetes: 'guardian-kubernetes-connection' };
  if (!existsSync(file)) return usual;
  const names = parse(readFileSync(file, 'utf8'), { schema: 'failsafe' }) as Record<string, unknown> | null;
  for (const [key, name] of Object.entries(names ?? {}))
    if (!(key in usual) || typeof name !== 'string' || name === '')
      throw new Error(`${file}: ${key} is none of ${Object.keys(usual).join(', ')} with a name.`);
  return { ...usual, ...names };
}

/** The workspace that the project's pipelines mean, by its variable groups; undefined when they name none. */
export function workspaceOf(sourcesDir: string): { resourceGroup: string; workspace: string } | undefined {
  for (const group of Object.values(readGroups(join(pipelinesFolder(sourcesDir), 'variable-groups.yml')))) {
    const { resourceGroup, workspaceName } = group;
    if (typeof resourceGroup === 'string' && typeof workspaceName === 'string')
      return { resourceGroup, workspace: workspaceName };
  }
  return undefined;
}

function azureConnection(description: LocalDescription): Connection {
  return {
    id: 'a5d6e1c4-3f5b-4c0e-9d43-2f1c5b8e7a01',
    name: 'guardian-azure-connection',
    type: 'azurerm',
    url: `${description.arm}/`,
    scheme: 'ServicePrincipal',
    parameters: {
      tenantid: description.tenantId,
      serviceprincipalid: description.clientId,
      serviceprincipalkey: description.clientSecret,
      authenticationType: 'spnKey',
    },
    data: {
      subscriptionId: description.subscriptionId,
      subscriptionName: 'Local subscription',
      environment: 'LocalAzure',
      environmentAuthorityUrl: `${description.authority}/`,
      activeDirectoryServiceEndpointResourceId: `${description.arm}/`,
      scopeLevel: 'Subscription',
      creationMode: 'Manual',
    },
  };
}

const kubernetesConnectionName = {
  id: 'b7c2f3d8-6a1e-4e57-8f0a-91d4c6b2e502',
  name: 'guardian-kubernetes-connection',
  type: 'kubernetes',
} as const;

/** The same connection by a kubeconfig, with its current context. @throws Error when the file cannot be read or names no server */
function otherClusterConnection(file: string): Connection {
  const text = readFileSync(file, 'utf8');
  const kubeconfig = parse(text) as {
    clusters?: { name: string; cluster: { server?: string } }[];
    contexts?: { name: string; context: { cluster: string } }[];
    'current-context'?: string;
  } | null;
  const current = kubeconfig?.['current-context'];
  const cluster = kubeconfig?.contexts?.find(({ name }) => name === current)?.context.cluster;
  const server = kubeconfig?.clusters?.find(({ name }) => name === cluster)?.cluster.server;
  if (!server) throw new Error(`${file}: its current context names no cluster with a server.`);
  return {
    ...kubernetesConnectionName,
    url: server,
    scheme: 'Kubernetes',
    parameters: { kubeconfig: text, ...(current === undefined ? {} : { clusterContext: current }) },
    data: { authorizationType: 'Kubeconfig', acceptUntrustedCerts: 'false' },
  };
}

function kubernetesConnection(description: LocalDescription, serviceAccountToken: string | undefined): Connection {
  const kubeconfig = parse(readFileSync(description.kubeconfig, 'utf8')) as Kubeconfig;
  const cluster = kubeconfig.clusters[0]?.cluster;
  const token = serviceAccountToken ?? kubeconfig.users[0]?.user.token;
  if (!cluster || !token) throw new Error(`${description.kubeconfig} names no cluster or no user with a token.`);
  return {
    ...kubernetesConnectionName,
    url: cluster.server,
    scheme: 'Token',
    parameters: {
      // As Azure DevOps keeps it: what the service account's Secret holds.
      apiToken: Buffer.from(token).toString('base64'),
      serviceAccountCertificate: cluster['certificate-authority-data'] ?? '',
    },
    data: { authorizationType: 'ServiceAccount', namespace: 'guardian' },
  };
}

/**
 * Variable groups from a YAML file: group -> variable -> text, or `{ value: text, isSecret: true }`.
 * @throws Error that names the file, the group and the variable.
 */
export function readVariableGroups(file: string): Record<string, VariableGroup> {
  const groups = parse(readFileSync(file, 'utf8'), { schema: 'failsafe' }) as Record<string, unknown> | null;
  const result: Record<string, VariableGroup> = {};
  for (const [group, variables] of Object.entries(groups ?? {})) {
    const read: VariableGroup = {};
    if (typeof variables !== 'object' || variables === null)
      throw new Error(`${file}: ${group} is no map of variables.`);
    for (const [name, value] of Object.entries(variables as Record<string, unknown>)) {
      if (typeof value === 'string') read[name] = value;
      else if (isSecretValue(value)) read[name] = { value: value.value, isSecret: true };
      else throw new Error(`${file}: ${group}.${name} is neither a text nor {value, isSecret: true}.`);
    }
    result[group] = read;
  }
  return result;
}

function isSecretValue(value: unknown): value is { value: string; isSecret: string } {
  const candidate = value as { value?: unknown; isSecret?: unknown } | null;
  return typeof candidate === 'object' && typeof candidate?.value === 'string' && candidate.isSecret === 'true';
}

/** Counts runs in a file, so that two runs against the same state never have the same id. */
export function runCounter(file: string): () => number {
  return () => {
    const last = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    const next = (Number.isInteger(last) ? last : 0) + 1;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, String(next));
    return next;
  };
}
