import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning';
import { ClientSecretCredential } from '@azure/identity';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import type { KubernetesObjectApi } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { randomSequence } from '../../../local/azure/faults/faults';
import type { LocalDescription } from '../../../local/description';
import { start, type Child } from '../../../local/processes';
import { until } from '../azure/azure-fixture';

const root = resolve(__dirname, '../../..');
const namespace = 'guardian';

/** Local Azure and Kubernetes as `npm run local` starts them, with official clients. */
class Server {
  private constructor(
    readonly child: Child,
    readonly description: LocalDescription,
    readonly arm: AzureMachineLearningWorkspaces,
    readonly blobs: ContainerClient,
    readonly kubernetes: KubernetesObjectApi,
  ) {}

  static async start(stateDir: string): Promise<Server> {
    const args = ['--import', 'tsx', 'local/main.ts', '--port', '0', '--state', stateDir];
    const child = start(process.execPath, args, { cwd: root, env: { PATH: process.env.PATH } });
    child.stderr.resume();
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const description = JSON.parse(line) as LocalDescription;
    const { arm, authority, tenantId, clientId, clientSecret, subscriptionId } = description;
    const ca = await readFile(description.ca, 'utf8');
    const options = { tlsOptions: { ca }, retryOptions: { maxRetries: 0, maxTries: 1 } };
    const signIn = { ...options, authorityHost: authority, disableInstanceDiscovery: true };
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, signIn);
    const armOptions = { ...options, endpoint: arm, credentialScopes: [`${arm}/.default`] };
    const { KubeConfig, KubernetesObjectApi } = await import('@kubernetes/client-node');
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(description.kubeconfig);
    return new Server(
      child,
      description,
      new AzureMachineLearningWorkspaces(credential, subscriptionId, armOptions),
      new BlobServiceClient(description.blob, credential, options).getContainerClient('durable'),
      KubernetesObjectApi.makeApiClient(kubeconfig),
    );
  }

  get names(): [string, string] {
    return [this.description.resourceGroup, this.description.workspace];
  }

  async kill(): Promise<void> {
    process.kill(this.child.pid, 'SIGKILL');
    await this.child.exit;
  }
}

/** What was written and acknowledged, by its name. */
type Written = Map<string, string>;

/** One kind of write, and the look at it afterwards. */
interface Writer {
  kind: string;
  write(server: Server, name: string, value: string): Promise<unknown>;
  read(server: Server, name: string): Promise<string | undefined>;
}

interface ConfigMap {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  data?: Record<string, string>;
}
const configMap = (name: string): ConfigMap => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } });

const location = 'eastus';
const writers: Writer[] = [
  {
    kind: 'environment',
    write: (server, name, value) =>
      server.arm.environmentVersions.createOrUpdate(...server.names, name, '1', {
        properties: { image: 'ubuntu', tags: { value } },
      }),
    read: async (server, name) =>
      (await server.arm.environmentVersions.get(...server.names, name, '1')).properties.tags?.value ?? undefined,
  },
  {
    kind: 'endpoint',
    // A long-running operation: begun here, and waited for only half of the times.
    write: async (server, name, value) => {
      const body = { location, tags: { value }, properties: { authMode: 'Key' } };
      const poller = await server.arm.onlineEndpoints.beginCreateOrUpdate(...server.names, name, body);
      if (name.endsWith('0')) await poller.pollUntilDone();
    },
    // What the kill interrupted is taken up again after the start, and ends.
    read: (server, name) =>
      until(async () => {
        const { properties, tags } = await server.arm.onlineEndpoints.get(...server.names, name);
        return /^(Succeeded|Failed)$/.test(String(properties.provisioningState)) ? (tags?.value ?? '') : undefined;
      }),
  },
  {
    kind: 'blob',
    write: (server, name, value) => server.blobs.getBlockBlobClient(name).upload(value, value.length),
    read: async (server, name) => (await server.blobs.getBlobClient(name).downloadToBuffer()).toString(),
  },
  {
    kind: 'configmap',
    write: (server, name, value) => server.kubernetes.create({ ...configMap(name), data: { value } }),
    read: async (server, name) => (await server.kubernetes.read<ConfigMap>(configMap(name))).data?.value,
  },
];

describe('local Azure, killed while it is written to', () => {
  let stateDir: string;
  let server: Server | undefined;
  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'guardian-kill-'));
  });
  after(async () => {
    await server?.child.kill();
    await rm(stateDir, { recursive: true, force: true });
  });

  it('has every acknowledged write after the restart, and no operation that hangs', async () => {
    const random = randomSequence(20_26);
    const written = new Map(writers.map(({ kind }) => [kind, new Map() as Written]));
    const begun: { writer: Writer; name: string; value: string }[] = [];
    for (let round = 0; round < 2; round += 1) {
      server = await Server.start(stateDir);
      await server.blobs.createIfNotExists();
      await check(server, written, begun);
      // Four clients write at once; the server dies after a number of acknowledgements that the seed alone decides.
      let left = 12 + Math.floor(random() * 40);
      const target = server;
      let killed: Promise<void> | undefined;
      const isOver = (): boolean => killed !== undefined;
      const kill = async (): Promise<void> => {
        // In the second round the blob service dies at the same moment, in the first with its parent.
        if (round === 1) process.kill(Number(await readFile(join(stateDir, 'azurite/pid'), 'utf8')), 'SIGKILL');
        await target.kill();
      };
      const work = async (writer: Writer): Promise<void> => {
        for (let turn = 0; !isOver(); turn += 1) {
          const name = `${writer.kind}-${round}-${turn}`;
          const value = `${name}-${Math.floor(random() * 1e6)}`;
          begun.push({ writer, name, value });
          try {
            await writer.write(target, name, value);
          } catch (error) {
            if (!isOver()) throw error;
            return;
          }
          written.get(writer.kind)?.set(name, value);
          left -= 1;
          if (left === 0) killed = kill();
        }
      };
      await Promise.all(writers.map(work));
      await killed;
    }
    server = await Server.start(stateDir);
    await check(server, written, begun);
  }).timeout(180_000);
});

async function check(
  server: Server,
  written: Map<string, Written>,
  begun: { writer: Writer; name: string; value: string }[],
): Promise<void> {
  const checks = begun.map(async ({ writer, name, value }) => {
    const acknowledged = written.get(writer.kind)?.has(name) === true;
    try {
      assert.equal(await writer.read(server, name), value, name);
    } catch (error) {
      const { statusCode, code } = error as { statusCode?: number; code?: unknown };
      // What nobody was told of may be there or not, but whole.
      if (acknowledged || (statusCode !== 404 && code !== 404)) throw error;
    }
  });
  await Promise.all(checks);
}
