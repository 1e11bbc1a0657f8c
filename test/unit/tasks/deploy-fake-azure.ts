import { RestError } from '@azure/core-rest-pipeline';
import type { Workspace, WorkspaceRequest, WorkspaceResponse } from '../../../lib/azureml/workspace';
import type { TaskHost } from '../../../lib/host/task-host';
import { TaskError } from '../../../lib/task-error';

interface Deployment {
  name: string;
  tags: Record<string, string>;
  sku: { capacity: number };
  properties: { provisioningState: string; model?: string; environmentId?: string; instanceType?: string };
}

interface Endpoint {
  location: string;
  tags: Record<string, string>;
  identity?: object;
  properties: {
    authMode: string;
    provisioningState: string;
    traffic: Record<string, number>;
    mirrorTraffic?: Record<string, number>;
    scoringUri: string;
    description?: string;
  };
}

/**
 * One endpoint and its models in memory, behind the workspace's interface, with the rules of Azure ML that decisions
 * depend on. It notes every write, and after each one that the endpoint still serves what it served.
 */
export class FakeAzure {
  endpoint: Endpoint | undefined;
  deployments = new Map<string, Deployment>();
  models = new Map<string, { tags: Record<string, string> }>([
    ['nsfw-detector:1', { tags: { 'guardian.digest': 'd1' } }],
    ['nsfw-detector:2', { tags: { 'guardian.digest': 'd2' } }],
    ['nsfw-detector:3', { tags: { 'guardian.digest': 'd3' } }],
  ]);
  environments = new Set<string>();
  writes: string[] = [];
  /** Called before an endpoint PUT is taken; throws to refuse it, or changes something as another client would. */
  beforePut: () => void = () => undefined;
  /** What Azure Monitor has seen of a deployment: requests in all, those that failed, and 95 % of the latencies in milliseconds. */
  monitor: (deployment: string) => { requests: number; errors: number; p95: number } = () => ({
    requests: 0,
    errors: 0,
    p95: NaN,
  });
  /** Makes deployments of this name fail, with this code. */
  failing = new Map<string, string>();

  get traffic(): Record<string, number> {
    return this.endpoint?.properties.traffic ?? {};
  }

  role(name: string): string | undefined {
    return this.deployments.get(name)?.tags['guardian.role'];
  }

  readonly workspace: Workspace = {
    name: 'ws',
    resourceGroup: 'rg',
    subscriptionId: 'sub',
    location: 'eastus',
    guid: '00000000-0000-4000-8000-000000000009',
    id: '/subscriptions/sub/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws',
    connection: {} as never,
    send: request => Promise.resolve(this.#send(request)),
    apiUrl: () => Promise.resolve(''),
    explain: (error, doing) =>
      new TaskError(`Could not ${doing}. ${error instanceof Error ? error.message : String(error)}`, { cause: error }),
    client: this.#client() as never,
  };

  #send(request: WorkspaceRequest): WorkspaceResponse {
    const { method, path, body, allow } = request;
    const answer = (status: number, found?: unknown, operation?: string) => ({
      status,
      body: structuredClone(found),
      header: (name: string) => (name === 'azure-asyncoperation' ? operation : undefined),
    });
    const [, model, version] = /^\/models\/([^/]+)\/versions\/(.+)$/.exec(path) ?? [];
    if (model && version) return answer(200, this.#model(`${model}:${version}`, request));
    if (path.endsWith('/providers/Microsoft.Insights/metrics')) return answer(200, this.#metrics(request));
    const deployment = /^\/onlineEndpoints\/[^/]+\/deployments\/([^/]+)$/.exec(path)?.[1];
    if (deployment) {
      if (method === 'PUT') this.#putDeployment(deployment, body as Deployment);
      const found = this.deployments.get(deployment);
      return answer(found ? 200 : 404, found, method === 'PUT' ? `/operations/${deployment}` : undefined);
    }
    const operation = /^\/operations\/(.+)$/.exec(path)?.[1];
    if (operation) {
      const code = this.#failureOf(operation);
      const error = { code, message: 'User container has crashed.' };
      return answer(200, code ? { status: 'Failed', error } : { status: 'Succeeded' });
    }
    if (!path.startsWith('/onlineEndpoints/')) throw new Error(`unexpected ${method} ${path}`);
    if (method === 'PUT') this.#putEndpoint(body as Endpoint);
    return !this.endpoint && allow?.includes(404) ? answer(404) : answer(200, this.endpoint);
  }

  #putDeployment(name: string, body: Deployment): void {
    const provisioningState = this.#failureOf(name) ? 'Failed' : 'Succeeded';
    this.writes.push(`create ${name} x${body.sku.capacity}`);
    const properties = { ...body.properties, provisioningState };
    this.deployments.set(name, { ...structuredClone(body), name, properties });
  }

  #failureOf(name: string): string | undefined {
    return this.failing.get(name) ?? this.failing.get('*');
  }

  #model(id: string, { method, body }: WorkspaceRequest): object {
    if (method === 'PUT') this.models.set(id, (body as { properties: { tags: Record<string, string> } }).properties);
    return { name: id.split(':')[1], properties: this.models.get(id) };
  }

  #metrics({ query = {} }: WorkspaceRequest): object {
    const series = (deployment: string, average: number, statusCodeClass?: string): object => ({
      metadatavalues: Object.entries({ deployment, statusCodeClass }).flatMap(([name, value]) =>
        value === undefined ? [] : [{ name: { value: name }, value }],
      ),
      data: [{ timeStamp: '2026-01-01T00:00:00Z', average }, { timeStamp: '2026-01-01T00:01:00Z' }],
    });
    const seen = [...this.deployments.keys()].map(name => ({ name, ...this.monitor(name) }));
    const value = query['metricnames']!.split(',').map(metric => ({
      name: { value: metric },
      timeseries:
        metric === 'RequestsPerMinute'
          ? seen.flatMap(({ name, requests, errors }) => [
              series(name, requests - errors, '2xx'),
              series(name, errors, '4xx'),
            ])
          : seen.filter(({ requests }) => requests > 0).map(({ name, p95 }) => series(name, p95)),
    }));
    return { value };
  }

  #putEndpoint(body: Endpoint): void {
    try {
      this.beforePut();
    } catch (error) {
      throw new TaskError('refused', { cause: error });
    }
    const traffic = body.properties.traffic as Record<string, number> | undefined;
    const sum = Object.values(traffic ?? {}).reduce((all, share) => all + share, 0);
    const serving = Object.values(this.traffic).some(share => share > 0);
    if (sum !== 100 && (serving || sum !== 0)) throw new Error(`traffic sums to ${sum}`);
    for (const name of Object.keys(traffic ?? {})) {
      if (this.deployments.get(name)?.properties.provisioningState !== 'Succeeded')
        throw new Error(`traffic to ${name}`);
    }
    // A PUT replaces: what it does not carry is gone.
    this.endpoint = {
      ...structuredClone(body),
      properties: {
        ...structuredClone(body.properties),
        provisioningState: 'Succeeded',
        scoringUri: 'https://127.0.0.1:1/score',
        traffic: traffic ?? {},
        mirrorTraffic: body.properties.mirrorTraffic ?? {},
      },
    };
    this.writes.push(`traffic ${JSON.stringify(traffic ?? {})}`);
  }

  #client(): object {
    const poller = { isDone: () => true, poll: () => Promise.resolve() };
    const missing = (): never => {
      throw new RestError('not found', { statusCode: 404 });
    };
    const listed = <T>(items: () => T[]) => ({
      async *[Symbol.asyncIterator]() {
        await Promise.resolve();
        yield* items();
      },
    });
    const started = (run: () => void) => {
      run();
      return Promise.resolve(poller);
    };
    return {
      onlineEndpoints: { list: () => listed(() => []), listKeys: () => Promise.resolve({}) },
      onlineDeployments: {
        list: () => listed(() => [...this.deployments.values()].map(one => structuredClone(one))),
        get: (_rg: string, _ws: string, _endpoint: string, name: string) =>
          Promise.resolve().then(() => structuredClone(this.deployments.get(name)) ?? missing()),
        getLogs: () => Promise.resolve({ content: 'Traceback: no model' }),
        beginUpdate: (_rg: string, _ws: string, _endpoint: string, name: string, body: Partial<Deployment>) =>
          started(() => {
            const deployment = this.deployments.get(name) ?? missing();
            this.writes.push(`patch ${name}${body.sku ? ` x${body.sku.capacity}` : ''}`);
            Object.assign(deployment, structuredClone(body));
          }),
        beginDelete: (_rg: string, _ws: string, _endpoint: string, name: string) =>
          started(() => {
            if ((this.traffic[name] ?? 0) > 0) throw new RestError('has live traffic', { statusCode: 400 });
            this.writes.push(`delete ${name}`);
            this.deployments.delete(name);
          }),
      },
      modelVersions: {
        get: (_rg: string, _ws: string, model: string, version: string) =>
          Promise.resolve().then(() => {
            const found = this.models.get(`${model}:${version}`) ?? missing();
            return {
              id: `${this.workspace.id}/models/${model}/versions/${version}`,
              name: version,
              properties: { tags: found.tags },
            };
          }),
        list: (_rg: string, _ws: string, model: string) =>
          listed(() =>
            [...this.models]
              .reverse()
              .map(([id, { tags }]) => ({
                id: `${this.workspace.id}/models/${id.replace(':', '/versions/')}`,
                name: id.split(':')[1],
                of: id.split(':')[0],
                properties: { tags },
              }))
              .filter(version => version.of === model),
          ),
      },
      modelContainers: { list: () => listed(() => [{ name: 'nsfw-detector' }, { name: 'violence-detector' }]) },
      environmentVersions: {
        get: (_rg: string, _ws: string, name: string, version: string) =>
          Promise.resolve().then(() =>
            this.environments.has(`${name}:${version}`)
              ? { id: `/x/environments/${name}/versions/${version}` }
              : missing(),
          ),
      },
      environmentContainers: { list: () => listed(() => [{ name: 'own-runtime' }]) },
    };
  }
}

/** The agent in memory: time passes only by being slept. */
export function fakeHost(variables: Record<string, string> = { 'Build.BuildId': '57' }): TaskHost & {
  lines: string[];
  outputs: Record<string, string>;
  summaries: string[];
  records: string[];
} {
  const lines: string[] = [];
  const outputs: Record<string, string> = {};
  const summaries: string[] = [];
  const records: string[] = [];
  let now = Date.parse('2026-01-01T00:00:00Z');
  const add = (line: string): void => void lines.push(line);
  return {
    lines,
    outputs,
    summaries,
    records,
    input: () => undefined,
    pathInput: () => undefined,
    connection: () => {
      throw new Error('no connection');
    },
    variable: name => variables[name],
    proxy: () => undefined,
    info: add,
    debug: () => undefined,
    warn: message => add(`warning: ${message}`),
    foreign: add,
    group: title => {
      add(title);
      return () => undefined;
    },
    progress: () => undefined,
    maskSecret: () => undefined,
    setOutput: (name, value) => {
      outputs[name] = value;
    },
    summary: (_title, markdown) => {
      summaries.push(markdown);
      return Promise.resolve();
    },
    publishArtifact: (_name, _file, content) => {
      records.push(content);
      return Promise.resolve();
    },
    attach: () => Promise.resolve(),
    signal: new AbortController().signal,
    clock: {
      now: () => new Date(now),
      sleep: milliseconds => {
        now += milliseconds;
        return Promise.resolve();
      },
    },
  };
}
