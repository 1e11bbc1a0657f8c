import { AzureFixture, until, type Answer } from '../azure/azure-fixture';

type Properties = Record<string, unknown>;

/** A job as REST shows it, as far as these tests look. */
export interface ShownJob {
  name: string;
  properties: Properties & {
    status: string;
    displayName: string;
    isArchived: boolean;
    tags: Record<string, string>;
    properties: Record<string, string>;
  };
}

/** A run as run history shows it, as far as these tests look. */
export interface ShownRun {
  runId: string;
  parentRunId: string | null;
  rootRunId: string;
  displayName: string;
  status: string;
  tags: Record<string, string>;
  properties: Record<string, string>;
  logFiles: Record<string, string>;
  error: { error: { code: string; message: string; messageParameters: Record<string, string> } } | null;
}

/** A shell function `log NAME VALUE…` that logs the values of a metric, one step each, with the job's own token. */
export const logMetrics = `log() { name=$1; shift; NODE_EXTRA_CA_CERTS=$MLFLOW_TRACKING_SERVER_CERT_PATH node -e '
  const [name, ...values] = process.argv.slice(1);
  const metrics = values.map((value, step) => ({ key: name, value: Number(value), timestamp: Date.now(), step }));
  fetch(process.env.MLFLOW_TRACKING_URI + "/api/2.0/mlflow/runs/log-batch", { method: "POST",
    headers: { authorization: "Bearer " + process.env.MLFLOW_TRACKING_TOKEN, "content-type": "application/json" },
    body: JSON.stringify({ run_id: process.env.MLFLOW_RUN_ID, metrics }) })
    .then(async answer => { if (!answer.ok) { console.error(await answer.text()); process.exit(1); } })' "$name" "$@"; }; `;

/** Jobs of every kind over plain REST, on a running local Azure. */
export class JobFixture {
  private constructor(
    readonly azure: AzureFixture,
    readonly token: string,
  ) {}

  static async start(options: Parameters<typeof AzureFixture.start>[0] = {}): Promise<JobFixture> {
    const azure = await AzureFixture.start(options);
    const jobs = new JobFixture(azure, await azure.token());
    await jobs.arm('PUT', '/environments/shell/versions/1', { properties: { image: 'ubuntu' } });
    return jobs;
  }

  get environmentId(): string {
    return `${this.azure.workspaceId}/environments/shell/versions/1`;
  }

  get computeId(): string {
    return `${this.azure.workspaceId}/computes/cpu-training-cluster`;
  }

  arm(method: string, path: string, body?: object): Promise<Answer> {
    const query = path.includes('?') ? '&' : '?';
    return this.azure.call(method, `${this.azure.workspaceId}${path}${query}api-version=2024-04-01`, {
      token: this.token,
      ...(body === undefined ? {} : { body }),
    });
  }

  history(method: string, path: string, body?: object): Promise<Answer> {
    return this.azure.call(method, `/history/v1.0${this.azure.workspaceId}${path}`, {
      token: this.token,
      ...(body === undefined ? {} : { body }),
    });
  }

  put(name: string, properties: Properties): Promise<Answer> {
    return this.arm('PUT', `/jobs/${name}`, { properties });
  }

  /** Submits it, and throws what the service has against it. */
  async submit(name: string, properties: Properties): Promise<void> {
    const answer = await this.put(name, { experimentName: 'jobs', ...properties });
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  }

  command(command: string, more: Properties = {}): Properties {
    return { jobType: 'Command', command, environmentId: this.environmentId, computeId: this.computeId, ...more };
  }

  sweep(command: string, searchSpace: Properties, more: Properties = {}): Properties {
    return {
      jobType: 'Sweep',
      trial: { command, environmentId: this.environmentId },
      computeId: this.computeId,
      searchSpace,
      samplingAlgorithm: { samplingAlgorithmType: 'Grid' },
      objective: { goal: 'Maximize', primaryMetric: 'accuracy' },
      limits: { jobLimitsType: 'Sweep' },
      ...more,
    };
  }

  pipeline(jobs: Properties, more: Properties = {}): Properties {
    return { jobType: 'Pipeline', computeId: this.computeId, settings: {}, jobs, ...more };
  }

  step(command: string, more: Properties = {}): Properties {
    return { type: 'command', command, environmentId: this.environmentId, ...more };
  }

  async job(name: string): Promise<ShownJob> {
    return (await this.arm('GET', `/jobs/${name}`)).json as ShownJob;
  }

  async run(name: string): Promise<ShownRun> {
    return (await this.history('GET', `/runs/${name}/details`)).json as ShownRun;
  }

  async children(name: string): Promise<ShownRun[]> {
    return ((await this.history('GET', `/runs/${name}/children`)).json as { value: ShownRun[] }).value;
  }

  /** Waits until the run has one of these statuses. */
  runIn(name: string, ...statuses: string[]): Promise<ShownRun> {
    return until(async () => {
      const run = await this.run(name);
      return statuses.includes(run.status) ? run : undefined;
    });
  }

  ended(name: string): Promise<ShownRun> {
    return this.runIn(name, 'Completed', 'Failed', 'Canceled');
  }

  cancel(name: string): Promise<Answer> {
    return this.arm('POST', `/jobs/${name}/cancel`);
  }

  log(name: string, path = 'user_logs/std_log.txt'): Promise<string> {
    return this.azure.jobLog(name, path);
  }

  /** Follows a long-running operation to its end. */
  async finished(answer: Answer): Promise<string> {
    const location = String(answer.headers['azure-asyncoperation'] ?? answer.headers.location);
    return until(async () => {
      const poll = await this.azure.call('GET', location, { token: this.token });
      if (poll.status === 202) return undefined;
      const { status } = (poll.json ?? { status: 'Succeeded' }) as { status: string };
      return status === 'InProgress' ? undefined : status;
    });
  }

  end(): Promise<void> {
    return this.azure.end();
  }
}

/** The error of a refused request. */
export function errorOf(answer: Answer): { code: string; message: string; target?: string } {
  return (answer.json as { error: { code: string; message: string; target?: string } }).error;
}
