import { RestError } from '@azure/core-rest-pipeline';
import { serviceError } from '../../../lib/azureml/service-error';
import type { Workspace, WorkspaceRequest, WorkspaceResponse } from '../../../lib/azureml/workspace';

interface FakeJob {
  properties: Record<string, unknown>;
  /** Statuses, each shown once; the last stays. An error is thrown in place of an answer. */
  statuses: (string | Error)[];
}

export interface FakeModel {
  name: string;
  version: string;
  properties: { modelUri: string; tags: Record<string, string>; properties: Record<string, string> };
}

export function failed(status: number, code = 'Code', message = 'message'): RestError {
  return new RestError(message, { statusCode: status, code });
}

/** Jobs, their runs and models in memory, behind the workspace's interface. It notes every write. */
export class FakeWorkspace {
  readonly jobs = new Map<string, FakeJob>();
  readonly models: FakeModel[] = [];
  readonly environments = new Set<string>(['sklearn:1', 'sklearn:2']);
  readonly writes: string[] = [];
  readonly runDetails: Record<string, unknown> = { logFiles: {}, warnings: [], error: null };
  metrics: { key: string; value: number | string }[] = [];
  /** What each new job goes through. */
  course: (string | Error)[] = ['NotStarted', 'Queued', 'Running', 'Completed'];
  /** Called before a model PUT is taken: the place for another writer. */
  beforeModelPut: (version: string) => void = () => undefined;

  readonly workspace: Workspace = {
    name: 'ws',
    resourceGroup: 'rg',
    subscriptionId: 'sub',
    location: 'eastus',
    guid: '00000000-0000-4000-8000-000000000009',
    id: '/subscriptions/sub/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws',
    connection: { endpoint: 'https://arm', principal: 'service principal 1' } as never,
    send: request => Promise.resolve().then(() => this.#send(request)),
    apiUrl: () => Promise.resolve('https://api'),
    explain: (error, doing) => this.#explain(error, doing),
    client: this.#client() as never,
  };

  #explain(error: unknown, doing: string): Error {
    return serviceError(error, doing, { endpoint: 'https://arm', principal: 'service principal 1' });
  }

  #send({ method, path, body, allow, doing, signal }: WorkspaceRequest): WorkspaceResponse {
    const answer = (status: number, content?: unknown): WorkspaceResponse => {
      if (status >= 300 && !allow?.includes(status))
        throw this.#explain(failed(status, 'UserError', String(content)), doing ?? path);
      return { status, body: structuredClone(content), header: () => undefined };
    };
    const cancelled = /^\/jobs\/(.+)\/cancel$/.exec(path)?.[1];
    if (cancelled) {
      this.writes.push(`cancel ${cancelled}`);
      this.jobs.get(cancelled)!.statuses = ['CancelRequested', 'Canceled'];
      return answer(200);
    }
    const read = method === 'GET' ? /\/(?:jobs|runs)\/([^/?]+)(\/details\?.*)?$/.exec(path) : null;
    if (read && !path.includes('/mlflow/')) {
      if (signal?.aborted) throw Object.assign(new Error('aborted'), { name: 'AbortError' });
      const [, name = '', details] = read;
      const found = this.jobs.get(name);
      if (!found) return answer(404);
      const [status] = found.statuses;
      if (found.statuses.length > 1) found.statuses.shift();
      if (status instanceof Error) throw this.#explain(status, doing ?? path);
      return answer(
        200,
        details ? { ...this.runDetails, status } : { name, properties: { ...found.properties, status } },
      );
    }
    const submitted = method === 'PUT' ? /^\/jobs\/([^/]+)$/.exec(path)?.[1] : undefined;
    if (submitted) {
      this.writes.push(`job ${submitted}`);
      const { properties } = structuredClone(body) as FakeJob;
      this.jobs.set(submitted, { properties, statuses: [...this.course] });
      return answer(201, { name: submitted, properties: { ...properties, status: 'NotStarted' } });
    }
    if (path.includes('/mlflow/runs/get')) return answer(200, { run: { data: { metrics: this.metrics } } });
    const model = /^\/models\/([^/]+)\/versions\/([^/]+)$/.exec(path);
    if (model) {
      const [, name = '', version = ''] = model;
      if (method === 'PUT') return this.#putModel(name, version, body as FakeModel, answer);
      const found = this.#model(name, version);
      return found ? answer(200, found) : answer(404);
    }
    const data = /^\/data\/([^/]+)$/.exec(path)?.[1];
    if (data) return data === 'images' ? answer(200, { properties: { latestVersion: '7' } }) : answer(404);
    if (path === '/data') return answer(200, { value: [{ name: 'images' }] });
    throw new Error(`unexpected ${method} ${path}`);
  }

  #putModel(
    name: string,
    version: string,
    body: FakeModel,
    answer: (status: number, content?: unknown) => WorkspaceResponse,
  ): WorkspaceResponse {
    this.beforeModelPut(version);
    const old = this.#model(name, version);
    if (old && old.properties.modelUri !== body.properties.modelUri)
      return answer(400, 'Asset paths cannot be updated.');
    if (old) old.properties = structuredClone(body.properties);
    else this.models.push({ name, version, properties: structuredClone(body.properties) });
    this.writes.push(`model ${name}:${version}`);
    return answer(200, this.#model(name, version));
  }

  #model(name: string, version: string): FakeModel | undefined {
    return this.models.find(item => item.name === name && item.version === version);
  }

  #client(): object {
    const missing = (): never => {
      throw failed(404, 'ResourceNotFound', 'not there');
    };
    const listed = <T>(items: () => T[]) => ({
      async *[Symbol.asyncIterator]() {
        await Promise.resolve();
        yield* items();
      },
    });
    return {
      computeOperations: {
        get: (_rg: string, _ws: string, name: string) =>
          Promise.resolve().then(() =>
            name.toLowerCase() === 'cpu-cluster'
              ? {
                  id: `${this.workspace.id}/computes/cpu-cluster`,
                  name: 'cpu-cluster',
                  properties: { provisioningState: 'Succeeded', properties: { scaleSettings: { maxNodeCount: 2 } } },
                }
              : missing(),
          ),
        list: () => listed(() => [{ name: 'cpu-cluster' }]),
      },
      environmentVersions: {
        get: (_rg: string, _ws: string, name: string, version: string) =>
          Promise.resolve().then(() =>
            this.environments.has(`${name}:${version}`)
              ? { id: `${this.workspace.id}/environments/${name}/versions/${version}` }
              : missing(),
          ),
        list: (_rg: string, _ws: string, name: string) =>
          listed(() =>
            [...this.environments]
              .filter(item => item.startsWith(`${name}:`))
              .map(item => ({ name: item.split(':')[1] }))
              .reverse(),
          ),
      },
      environmentContainers: { list: () => listed(() => [{ name: 'sklearn' }]) },
      modelVersions: {
        list: (_rg: string, _ws: string, name: string) =>
          listed(() =>
            this.models
              .filter(item => item.name === name)
              .reverse()
              .map(({ version, properties }) => ({ name: version, id: `/models/${name}/${version}`, properties })),
          ),
        get: (_rg: string, _ws: string, name: string, version: string) =>
          Promise.resolve().then(() => {
            const found = this.#model(name, version) ?? missing();
            return { name: version, id: `/models/${name}/${version}`, properties: found.properties };
          }),
      },
      modelContainers: {
        get: (_rg: string, _ws: string, name: string) =>
          Promise.resolve().then(() => {
            const versions = this.models.filter(item => item.name === name).map(item => Number(item.version));
            return versions.length === 0
              ? missing()
              : { properties: { nextVersion: String(Math.max(...versions) + 1) } };
          }),
      },
    };
  }
}
