import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskRun } from '../../../local/agent/run-task';
import { AzureReader, send } from '../../../local/demo/azure-reader';
import type { RecordedRequest } from '../../../local/requests/request-record';
import { root } from '../../../scripts/product';
import { TestCloud } from '../../support/local-cloud';
import { succeeded } from '../outcome';

const endpoint = 'letters-endpoint';

export interface TaskOptions {
  build?: string;
  /** Called with what ends the task's process at once. */
  onStart?: (kill: () => void) => void;
  signal?: AbortSignal;
  onLine?: (line: string) => void;
  /** Another folder than that of the product's task. */
  taskDir?: string;
  /** Whether the run sees the project in Azure DevOps, where its build is then. */
  inDevOps?: boolean;
}

interface Deployment {
  name: string;
  tags: Record<string, string>;
  properties: { provisioningState: string };
}

/** Local Azure with three versions of a model and a tiny container that serves it, so that many releases fit into a test. */
export class ReleaseCloud {
  readonly target = {
    azureSubscription: 'guardian-azure-connection',
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
  };
  /** Of Resource Manager and of online endpoints, as they were answered, for example `PUT onlineEndpoints/letters-endpoint`. */
  readonly writes: string[] = [];
  /** Of all that local Azure was asked, without its router: plane, method and path below the workspace, in the order of the answers. */
  readonly requests: { time: string; request: string }[] = [];
  /** Called after a write was answered, with how many there were. */
  afterWrite: (count: number) => void = () => undefined;
  azure!: AzureReader;

  private constructor(readonly test: TestCloud) {}

  static async start(): Promise<ReleaseCloud> {
    let record: (request: RecordedRequest) => void = () => undefined;
    const test = await TestCloud.start({ recordRequest: request => record(request) });
    const cloud = new ReleaseCloud(test);
    record = request => cloud.#record(request);
    cloud.azure = new AzureReader(test.cloud.description, test.cloud.certificate.ca);
    await cloud.#prepare();
    return cloud;
  }

  stop(): Promise<void> {
    return this.test.stop();
  }

  #record({ plane, method, path, time }: RecordedRequest): void {
    const below = /\/workspaces\/[^/]+\/(.*)$/.exec(path)?.[1] ?? '';
    if (plane !== 'scoring') this.requests.push({ time, request: `${plane} ${method} ${below || path}` });
    const isWrite = ['PUT', 'PATCH', 'DELETE'].includes(method);
    if (plane !== 'arm' || !isWrite || !/^(onlineEndpoints|models)\//.test(below)) return;
    this.writes.push(`${method} ${below}`);
    this.afterWrite(this.writes.length);
  }

  async #prepare(): Promise<void> {
    for (const version of ['1', '2', '3']) {
      const localPath = join(this.test.folder, `letters-${version}`);
      mkdirSync(localPath);
      writeFileSync(join(localPath, 'letters.txt'), version);
      succeeded(
        await this.run('RegisterModel', { modelName: 'letters', modelSource: 'localPath', localPath }, { build: '1' }),
      );
    }
    const folder = join(root, 'test/fixtures/containers/echo');
    const { contextUri, signature } = await this.#pendingUpload();
    for (const name of readdirSync(folder)) {
      const { status } = await send(`${contextUri}context/${name}?${signature}`, {
        method: 'PUT',
        body: readFileSync(join(folder, name)),
        headers: { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' },
        ca: this.test.cloud.certificate.ca,
      });
      assert.equal(status, 201);
    }
    const route = (path: string): object => ({ path, port: 5001 });
    await this.call('PUT', 'environments/echo/versions/1', {
      properties: {
        build: { contextUri: `${contextUri}context/`, dockerfilePath: 'Dockerfile' },
        inferenceConfig: {
          livenessRoute: route('/live'),
          readinessRoute: route('/ready'),
          scoringRoute: route('/score'),
        },
      },
    });
  }

  async #pendingUpload(): Promise<{ contextUri: string; signature: string }> {
    const answer = await this.call('POST', 'codes/echo-context/versions/1/startPendingUpload', {}, '2023-04-01');
    const { blobReferenceForConsumption: blob } = answer as {
      blobReferenceForConsumption: { credential: { sasUri: string } };
    };
    const [base = '', signature = ''] = blob.credential.sasUri.split('?');
    return { contextUri: `${base}/`, signature };
  }

  /** A request to Resource Manager below the workspace, as somebody else would make it. */
  async call(method: string, path: string, body?: unknown, apiVersion = '2023-10-01'): Promise<unknown> {
    const { arm, subscriptionId, resourceGroup, workspace } = this.test.cloud.description;
    const token = await this.azure.signIn();
    const url = `${arm}/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${workspace}/${path}?api-version=${apiVersion}`;
    const answer = await send(url, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ca: this.test.cloud.certificate.ca,
    });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body.toString()}`);
    return answer.body.length === 0 ? undefined : (JSON.parse(answer.body.toString()) as unknown);
  }

  run(task: string, inputs: Record<string, string>, o: TaskOptions = {}): Promise<TaskRun> {
    const env: Record<string, string> = { ...this.test.project.environmentVariables };
    if (o.onStart) {
      // The agent does not tell which process it has started: the process says so itself.
      const folder = mkdtempSync(join(this.test.folder, 'pid-'));
      const script = join(folder, 'say-pid.cjs');
      const file = JSON.stringify(join(folder, 'pid'));
      writeFileSync(script, `require('node:fs').writeFileSync(${file}, String(process.pid));\n`);
      env['NODE_OPTIONS'] = `--require ${script}`;
      o.onStart(() => process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL'));
    }
    const devOps = o.inDevOps ? this.test.inBuild(Number(o.build ?? '1')) : undefined;
    return this.test.runTask(
      task,
      { ...this.target, ...inputs },
      {
        env,
        ...(devOps ? { system: devOps.system } : {}),
        variables: [
          ...(devOps?.variables ?? []),
          { name: 'Build.BuildId', value: o.build ?? '1' },
          { name: 'Build.RequestedFor', value: 'Grace Hopper' },
        ],
        ...(o.signal ? { signal: o.signal } : {}),
        ...(o.onLine ? { onLine: o.onLine } : {}),
        ...(o.taskDir ? { taskDir: o.taskDir } : {}),
      },
    );
  }

  deploy(version: string, inputs: Record<string, string> = {}, o: TaskOptions = {}): Promise<TaskRun> {
    const letters = {
      endpointName: endpoint,
      modelName: 'letters',
      modelVersion: version,
      environment: 'azureml:echo:1',
      instanceCount: '1',
      probeInitialDelaySeconds: '0',
      probePeriodSeconds: '1',
      checkQuota: 'false',
    };
    return this.run('DeployOnlineEndpoint', { ...letters, ...inputs }, o);
  }

  rollback(inputs: Record<string, string> = {}, o: TaskOptions = {}): Promise<TaskRun> {
    return this.run('Rollback', { endpointNames: endpoint, reason: 'wrong letters', ...inputs }, o);
  }

  async tags(name = endpoint): Promise<Record<string, string>> {
    return (await this.azure.read<{ tags: Record<string, string> }>(`onlineEndpoints/${name}`)).tags;
  }

  /** Live traffic by model version, for example `{ '1': 90, '2': 10 }`. */
  async traffic(name = endpoint): Promise<Record<string, number>> {
    type Endpoint = { properties: { traffic: Record<string, number> } };
    const { properties } = await this.azure.read<Endpoint>(`onlineEndpoints/${name}`);
    const live = Object.entries(properties.traffic).filter(([, percent]) => percent > 0);
    return Object.fromEntries(
      live.map(([deployment, percent]) => [/^m(\d+)-/.exec(deployment)?.[1] ?? deployment, percent]),
    );
  }

  async deployments(name = endpoint): Promise<Deployment[]> {
    return (await this.azure.read<{ value: Deployment[] }>(`onlineEndpoints/${name}/deployments`)).value;
  }

  /** Model versions of the deployments with their roles and what marks them as rejected, for example `2 previous wrong letters`. */
  async roles(name = endpoint): Promise<string[]> {
    return (await this.deployments(name))
      .map(({ tags }) =>
        [tags['guardian.model']?.split(':')[1], tags['guardian.role'], tags['guardian.rejected']]
          .filter(Boolean)
          .join(' '),
      )
      .sort();
  }

  /** Removes a deployment as somebody would by hand, and waits until it is gone. */
  async remove(version: string): Promise<string> {
    const found = (await this.deployments()).find(({ name }) => name.startsWith(`m${version}-`));
    assert.ok(found);
    await this.call('DELETE', `onlineEndpoints/${endpoint}/deployments/${found.name}`);
    while ((await this.deployments()).some(({ name }) => name === found.name)) {
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    return found.name;
  }

  /** Resolves when nothing is under way on any deployment. */
  async settled(): Promise<void> {
    const isUnderWay = ({ properties }: Deployment): boolean =>
      !['Succeeded', 'Failed', 'Canceled'].includes(properties.provisioningState);
    while ((await this.deployments()).some(isUnderWay)) await new Promise(resolve => setTimeout(resolve, 50));
  }

  /** Calls the endpoint as its applications do, side by side, until stopped. */
  async callers(): Promise<Callers> {
    const { properties } = await this.azure.read<{ properties: { scoringUri: string } }>(`onlineEndpoints/${endpoint}`);
    const { primaryKey } = await this.azure.read<{ primaryKey: string }>(
      `onlineEndpoints/${endpoint}/listKeys`,
      'POST',
    );
    return new Callers(properties.scoringUri, primaryKey, this.test.cloud.certificate.ca);
  }
}

/** An instance takes four requests at a time, and the tasks ask as well. */
const callersSideBySide = 2;
const pauseMilliseconds = 20;

export class Callers {
  answered = 0;
  readonly failures: string[] = [];
  #isStopped = false;
  readonly #done: Promise<unknown>;

  constructor(url: string, key: string, ca: string) {
    const call = async (): Promise<void> => {
      while (!this.#isStopped) {
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'text/plain' };
        const { status, body } = await send(url, { method: 'POST', headers, body: 'a', ca });
        if (status === 200) this.answered += 1;
        else this.failures.push(`${status} ${body.toString().slice(0, 200)}`);
        await new Promise(resolve => setTimeout(resolve, pauseMilliseconds));
      }
    };
    this.#done = Promise.all(Array.from({ length: callersSideBySide }, call));
  }

  /** @param least how many answers there must have been before the callers stop */
  async stop(least = 0): Promise<void> {
    while (this.answered + this.failures.length < least) await new Promise(resolve => setTimeout(resolve, 20));
    this.#isStopped = true;
    await this.#done;
  }
}
