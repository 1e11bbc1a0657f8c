import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalAzureOptions } from '../../../local/azure/server';
import { root } from '../../../scripts/product';
import type { EndpointSettings } from '../../../local/azure/online-endpoints/endpoint-settings';
import { AzureFixture, until, type Answer } from '../azure/azure-fixture';

const probes = {
  readinessProbe: { initialDelay: 'PT1S', period: 'PT1S', timeout: 'PT1S', failureThreshold: 3, successThreshold: 1 },
  livenessProbe: { initialDelay: 'PT1S', period: 'PT1S', timeout: 'PT1S', failureThreshold: 3, successThreshold: 1 },
};

export interface EchoOptions {
  endpoint?: string;
  instances?: number;
  model?: string;
  environment?: string;
  variables?: Record<string, string>;
  requestTimeout?: string;
  /** What else the properties hold, in the place of the usual. */
  properties?: Record<string, unknown>;
}

/** Local Azure with two versions of a model, an environment that is built from a Dockerfile, and an endpoint `echo`. */
export class EchoEndpoint {
  private constructor(
    readonly fixture: AzureFixture,
    private readonly cacheDir: string,
  ) {}

  static async start(options: Partial<LocalAzureOptions> = {}): Promise<EchoEndpoint> {
    const cacheDir = options.cacheDir ?? (await mkdtemp(join(tmpdir(), 'guardian-cache-')));
    const endpointSettings = { trafficDelayMilliseconds: 0, ...options.endpointSettings };
    return new EchoEndpoint(await AzureFixture.start({ ...options, endpointSettings, cacheDir }), cacheDir);
  }

  async end(): Promise<void> {
    await this.fixture.end();
    await rm(this.cacheDir, { recursive: true, force: true });
  }

  /** The same state in a new process's stead: another port, other instances. */
  async restart(options: Partial<LocalAzureOptions> = {}): Promise<EchoEndpoint> {
    await this.fixture.stop();
    return EchoEndpoint.start({ ...options, stateDir: this.fixture.stateDir, cacheDir: this.cacheDir });
  }

  /** Uploads model files and the build context, registers both, creates the endpoint. */
  async prepare(): Promise<void> {
    const { fixture } = this;
    for (const version of ['1', '2']) {
      const uri = await this.upload(`models/letters/versions/${version}`, {
        [`files/letters-${version}.txt`]: `letters ${version}`,
      });
      await fixture.client().modelVersions.createOrUpdate(...fixture.names, 'letters', version, {
        properties: { modelUri: `${uri}/files/`, modelType: 'custom_model' },
      });
    }
    const folder = join(root, 'test/fixtures/containers/echo');
    await this.environment(
      'echo',
      Object.fromEntries(readdirSync(folder).map(name => [name, readFileSync(join(folder, name), 'utf8')])),
    );
    await fixture.client().onlineEndpoints.beginCreateOrUpdateAndWait(...fixture.names, 'echo', {
      location: 'eastus',
      properties: { authMode: 'Key' },
    });
  }

  /** Registers version 1 of an environment with these files as its build context. */
  async environment(name: string, files: Record<string, string>): Promise<void> {
    const context = await this.upload(
      `environments/${name}/versions/1`,
      Object.fromEntries(Object.entries(files).map(([file, text]) => [`context/${file}`, text])),
    );
    const route = (path: string): { path: string; port: number } => ({ path, port: 5001 });
    await this.fixture.client().environmentVersions.createOrUpdate(...this.fixture.names, name, '1', {
      properties: {
        build: { contextUri: `${context}/context/`, dockerfilePath: 'Dockerfile' },
        inferenceConfig: {
          livenessRoute: route('/live'),
          readinessRoute: route('/ready'),
          scoringRoute: route('/score'),
        },
      },
    });
  }

  deploy(
    name: string,
    {
      endpoint = 'echo',
      instances = 1,
      model = '1',
      environment = 'echo',
      variables = {},
      requestTimeout = 'PT5S',
      properties = {},
    }: EchoOptions = {},
  ): Promise<unknown> {
    const { fixture } = this;
    return fixture.client().onlineDeployments.beginCreateOrUpdateAndWait(...fixture.names, endpoint, name, {
      location: 'eastus',
      sku: { name: 'Default', capacity: instances },
      properties: {
        endpointComputeType: 'Managed',
        model: `${fixture.workspaceId}/models/letters/versions/${model}`,
        environmentId: `${fixture.workspaceId}/environments/${environment}/versions/1`,
        instanceType: 'Standard_DS3_v2',
        environmentVariables: variables,
        requestSettings: { requestTimeout, maxConcurrentRequestsPerInstance: 1 },
        ...probes,
        ...properties,
      },
    });
  }

  /** A request to Resource Manager below the workspace, or to a path from the root; newer than what the SDK speaks. */
  async arm(method: string, path: string, body?: unknown, apiVersion = '2024-10-01'): Promise<Answer> {
    const { fixture } = this;
    const root = path.startsWith('/') ? path : `${fixture.workspaceId}/${path}`;
    return fixture.call(method, `${root}${path.includes('?') ? '&' : '?'}api-version=${apiVersion}`, {
      token: await fixture.token(),
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Sets what local Azure lets one set about endpoints. */
  async set(settings: Partial<EndpointSettings>): Promise<void> {
    const { status } = await this.fixture.call('PATCH', '/_local/online-endpoints', { body: settings });
    if (status !== 200) throw new Error(`The settings were answered ${status}.`);
  }

  /** The state of a resource once no operation on it is under way. */
  settled(path: string): Promise<{ provisioningState: string } & Record<string, unknown>> {
    return until(async () => {
      const { properties } = (await this.arm('GET', path)).json as { properties: { provisioningState: string } };
      const isFinal = ['Succeeded', 'Failed', 'Canceled'].includes(properties.provisioningState);
      return isFinal ? properties : undefined;
    });
  }

  async traffic(traffic: Record<string, number>): Promise<void> {
    const { fixture } = this;
    await fixture.client().onlineEndpoints.beginCreateOrUpdateAndWait(...fixture.names, 'echo', {
      location: 'eastus',
      properties: { authMode: 'Key', traffic },
    });
  }

  async key(): Promise<string> {
    const { primaryKey } = await this.fixture.client().onlineEndpoints.listKeys(...this.fixture.names, 'echo');
    return primaryKey ?? '';
  }

  async score(body: string, headers: Record<string, string> = {}, key?: string): Promise<Answer> {
    const token = key ?? (await this.key());
    return this.fixture.call('POST', '/inference/echo/score', {
      token,
      body,
      headers: { 'content-type': 'text/plain', ...headers },
    });
  }

  /** Puts files into a new container. @returns its URL */
  async upload(asset: string, files: Record<string, string>): Promise<string> {
    const { fixture } = this;
    const token = await fixture.token();
    const { json } = await fixture.call(
      'POST',
      `${fixture.workspaceId}/${asset}/startPendingUpload?api-version=2023-04-01`,
      { token, body: {} },
    );
    const { blobUri, credential } = (
      json as { blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } } }
    ).blobReferenceForConsumption;
    const [base = '', signature = ''] = credential.sasUri.split('?');
    for (const [path, text] of Object.entries(files)) {
      const { status } = await fixture.call('PUT', `${base}/${path}?${signature}`, {
        body: text,
        headers: { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' },
      });
      if (status !== 201) throw new Error(`The upload of ${path} was answered ${status}.`);
    }
    return blobUri;
  }
}
