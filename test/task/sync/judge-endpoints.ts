import { readdirSync, readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning';
import { ClientSecretCredential } from '@azure/identity';
import type { LocalCloud } from '../../../local/cloud';
import { root } from '../../../scripts/product';

const probe = { initialDelay: 'PT1S', period: 'PT1S', timeout: 'PT1S', failureThreshold: 3, successThreshold: 1 };

/** Online endpoints whose one deployment finds every picture harmless. */
export class JudgeEndpoints {
  readonly client: AzureMachineLearningWorkspaces;
  readonly credential: ClientSecretCredential;

  constructor(private readonly cloud: LocalCloud) {
    const { tenantId, clientId, clientSecret, authority, subscriptionId, arm } = cloud.description;
    const tlsOptions = { ca: cloud.certificate.ca };
    this.credential = new ClientSecretCredential(tenantId, clientId, clientSecret, {
      authorityHost: authority,
      disableInstanceDiscovery: true,
      tlsOptions,
    });
    this.client = new AzureMachineLearningWorkspaces(this.credential, subscriptionId, {
      endpoint: arm,
      credentialScopes: [`${arm}/.default`],
      tlsOptions,
    });
  }

  get names(): [resourceGroup: string, workspace: string] {
    return [this.cloud.description.resourceGroup, this.cloud.description.workspace];
  }

  /** Registers what the deployments need, and makes one endpoint of each name. */
  async make(...endpoints: string[]): Promise<void> {
    const model = await this.#upload('codes/judge-model/versions/1', { 'files/model.txt': 'a model' });
    await this.client.modelVersions.createOrUpdate(...this.names, 'judge', '1', {
      properties: { modelUri: `${model}/files/`, modelType: 'custom_model' },
    });
    const folder = join(root, 'test/fixtures/containers/judge');
    const files = readdirSync(folder).map(name => [`context/${name}`, readFileSync(join(folder, name), 'utf8')]);
    const context = await this.#upload(
      'codes/judge-context/versions/1',
      Object.fromEntries(files) as Record<string, string>,
    );
    const route = (path: string) => ({ path, port: 5001 });
    await this.client.environmentVersions.createOrUpdate(...this.names, 'judge', '1', {
      properties: {
        build: { contextUri: `${context}/context/`, dockerfilePath: 'Dockerfile' },
        inferenceConfig: {
          livenessRoute: route('/live'),
          readinessRoute: route('/ready'),
          scoringRoute: route('/score'),
        },
      },
    });
    await Promise.all(endpoints.map(name => this.#makeOne(name)));
  }

  async #makeOne(name: string): Promise<void> {
    const { onlineEndpoints, onlineDeployments } = this.client;
    const place = { location: 'eastus' };
    const key = { ...place, properties: { authMode: 'Key' } };
    await onlineEndpoints.beginCreateOrUpdateAndWait(...this.names, name, key, { updateIntervalInMs: 50 });
    const assets = `/subscriptions/${this.cloud.description.subscriptionId}/resourceGroups/${this.names[0]}/providers/Microsoft.MachineLearningServices/workspaces/${this.names[1]}`;
    await onlineDeployments.beginCreateOrUpdateAndWait(
      ...this.names,
      name,
      'blue',
      {
        ...place,
        sku: { name: 'Default', capacity: 1 },
        properties: {
          endpointComputeType: 'Managed',
          model: `${assets}/models/judge/versions/1`,
          environmentId: `${assets}/environments/judge/versions/1`,
          instanceType: 'Standard_DS3_v2',
          // The application calls it as fast as it can.
          requestSettings: { maxConcurrentRequestsPerInstance: 50 },
          readinessProbe: probe,
          livenessProbe: probe,
        },
      },
      { updateIntervalInMs: 50 },
    );
    await this.release(name, 1);
  }

  /** What a deployment leaves on an endpoint: all of the traffic, and the number of the release. */
  async release(name: string, revision: number): Promise<void> {
    const body = {
      location: 'eastus',
      tags: { 'guardian.revision': String(revision) },
      properties: { authMode: 'Key', traffic: { blue: 100 } },
    };
    await this.client.onlineEndpoints.beginCreateOrUpdateAndWait(...this.names, name, body, { updateIntervalInMs: 50 });
  }

  async keys(name: string): Promise<{ primary: string; secondary: string }> {
    const { primaryKey = '', secondaryKey = '' } = await this.client.onlineEndpoints.listKeys(...this.names, name);
    return { primary: primaryKey, secondary: secondaryKey };
  }

  async scoringUri(name: string): Promise<string> {
    return (await this.client.onlineEndpoints.get(...this.names, name)).properties.scoringUri ?? '';
  }

  /** Status of a scoring call with this key. */
  async score(name: string, key: string): Promise<number> {
    return (await this.#call('POST', await this.scoringUri(name), { authorization: `Bearer ${key}` }, 'picture'))
      .status;
  }

  async #upload(asset: string, files: Record<string, string>): Promise<string> {
    const { arm, subscriptionId } = this.cloud.description;
    const { token } = await this.credential.getToken(`${arm}/.default`);
    const workspace = `${arm}/subscriptions/${subscriptionId}/resourceGroups/${this.names[0]}/providers/Microsoft.MachineLearningServices/workspaces/${this.names[1]}`;
    const started = await this.#call(
      'POST',
      `${workspace}/${asset}/startPendingUpload?api-version=2023-04-01`,
      { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      '{"pendingUploadType":"TemporaryBlobReference"}',
    );
    const { blobReferenceForConsumption: place } = JSON.parse(started.text) as {
      blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } };
    };
    const [base = '', signature = ''] = place.credential.sasUri.split('?');
    for (const [path, text] of Object.entries(files)) {
      const headers = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' };
      const { status } = await this.#call('PUT', `${base}/${path}?${signature}`, headers, text);
      if (status !== 201) throw new Error(`The upload of ${path} was answered ${status}.`);
    }
    return place.blobUri;
  }

  #call(
    method: string,
    url: string,
    headers: Record<string, string>,
    body: string,
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(url, { method, headers, ca: this.cloud.certificate.ca, agent: false }, response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.on('error', reject);
      request.end(body);
    });
  }
}
