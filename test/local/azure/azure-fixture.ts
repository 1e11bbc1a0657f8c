import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AzureMachineLearningWorkspaces, type CommandJob } from '@azure/arm-machinelearning';
import { ClientSecretCredential } from '@azure/identity';
import type { PreparePython } from '../../../local/azure/compute/python';
import { startLocalAzure, type LocalAzure, type LocalAzureOptions } from '../../../local/azure/server';

/** A Python that is there already: the jobs of these tests are shell commands. */
const anyPython: PreparePython = () =>
  Promise.resolve({ python: '/usr/bin/python3', binDir: dirname(process.execPath), reused: true });

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The parsed body; undefined when it is no JSON. */
  json: unknown;
}

/** A running local Azure with official clients signed in to it. */
export class AzureFixture {
  private constructor(
    readonly azure: LocalAzure,
    readonly stateDir: string,
    readonly log: string[],
  ) {}

  /** Starts one in a new state folder, or in the one given. */
  static async start(options: Partial<LocalAzureOptions> = {}): Promise<AzureFixture> {
    const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), 'guardian-azure-')));
    const log: string[] = [];
    const azure = await startLocalAzure({
      port: 0,
      stateDir,
      preparePython: anyPython,
      log: line => log.push(line),
      ...options,
    });
    return new AzureFixture(azure, stateDir, log);
  }

  async stop(): Promise<void> {
    await this.azure.stop();
  }

  /** Stops it and deletes its state. */
  async end(): Promise<void> {
    await this.azure.stop();
    await rm(this.stateDir, { recursive: true, force: true });
  }

  get workspaceId(): string {
    const { subscriptionId, resourceGroup, workspace } = this.azure.description;
    return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${workspace}`;
  }

  get names(): [resourceGroup: string, workspace: string] {
    return [this.azure.description.resourceGroup, this.azure.description.workspace];
  }

  credential(principal: { clientId: string; clientSecret: string } = this.azure.description): ClientSecretCredential {
    const { tenantId, authority } = this.azure.description;
    return new ClientSecretCredential(tenantId, principal.clientId, principal.clientSecret, {
      authorityHost: authority,
      disableInstanceDiscovery: true,
      tlsOptions: { ca: this.azure.certificate.ca },
      retryOptions: { maxRetries: 0 },
    });
  }

  client(credential = this.credential()): AzureMachineLearningWorkspaces {
    const { subscriptionId, arm } = this.azure.description;
    return new AzureMachineLearningWorkspaces(credential, subscriptionId, {
      endpoint: arm,
      credentialScopes: [`${arm}/.default`],
      tlsOptions: { ca: this.azure.certificate.ca },
      retryOptions: { maxRetries: 0 },
    });
  }

  async token(): Promise<string> {
    return (await this.credential().getToken(`${this.azure.description.arm}/.default`)).token;
  }

  /** One request; `path` is below the server, or a whole URL. With a JSON body when `body` is an object. */
  call(
    method: string,
    path: string,
    o: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const url = new URL(path, this.azure.description.arm);
    const isJson = typeof o.body === 'object';
    const headers = {
      ...(o.token === undefined ? {} : { authorization: `Bearer ${o.token}` }),
      ...(isJson ? { 'content-type': 'application/json' } : {}),
      ...o.headers,
    };
    return new Promise((resolve, reject) => {
      const request = httpsRequest(url, { method, headers, ca: this.azure.certificate.ca, agent: false }, response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) }),
        );
      });
      request.on('error', reject);
      request.end(o.body === undefined ? undefined : isJson ? JSON.stringify(o.body) : (o.body as string));
    });
  }

  /** A job body for a shell command, in an environment made for it. */
  async commandJob(command: string, more: Partial<CommandJob> = {}): Promise<{ properties: CommandJob }> {
    await this.client().environmentVersions.createOrUpdate(...this.names, 'shell', '1', {
      properties: { image: 'ubuntu' },
    });
    return {
      properties: {
        jobType: 'Command',
        command,
        environmentId: `${this.workspaceId}/environments/shell/versions/1`,
        computeId: `${this.workspaceId}/computes/cpu-training-cluster`,
        experimentName: 'shell',
        ...more,
      },
    };
  }

  /** Polls the job until its status is one of these, and gives it. */
  async jobIn(name: string, ...statuses: string[]): Promise<CommandJob> {
    const client = this.client();
    return until(async () => {
      const { properties } = await client.jobs.get(...this.names, name);
      return statuses.includes(properties.status ?? '') ? (properties as CommandJob) : undefined;
    });
  }

  /** The end of a job, with its run details. */
  async endOf(name: string): Promise<{ status: string | undefined; details: RunDetails }> {
    const { status } = await this.jobIn(name, 'Completed', 'Failed', 'Canceled');
    return { status, details: await this.runDetails(name) };
  }

  async runDetails(name: string): Promise<RunDetails> {
    const { json } = await this.call('GET', `/history/v1.0${this.workspaceId}/runs/${name}/details`, {
      token: await this.token(),
    });
    return json as RunDetails;
  }

  /** The text of one of a job's logs as it is now; empty when there is none yet. */
  async jobLog(name: string, path = 'user_logs/std_log.txt'): Promise<string> {
    const url = (await this.runDetails(name)).logFiles[path];
    return url === undefined ? '' : (await this.call('GET', url)).text;
  }
}

export interface RunDetails {
  status: string;
  logFiles: Record<string, string>;
  error: { error: { code: string; message: string } } | null;
}

/** Asks until the answer is not undefined. The test's own time limit ends it. */
export async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether a process runs; one that has ended and waits for its parent to notice does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
