import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { ensureCertificates } from '../../../local/certificates';
import { Journal } from '../../../local/journal';
import type { LocalImage } from '../../../local/kubernetes/pods/container-worker';
import { startLocalKubernetes, type LocalKubernetes } from '../../../local/kubernetes/server';

/** Local Kubernetes on a state folder of its own, which can be stopped and started again. */
export class TestCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'guardian-kubernetes-'));
  /** What the server said; errors of its own end up here. */
  readonly log: string[] = [];
  private running: { kubernetes: LocalKubernetes; journal: Journal; client: typeof k8s } | undefined;

  constructor(private readonly images: Readonly<Record<string, LocalImage>> = {}) {}

  get kubernetes(): LocalKubernetes {
    if (!this.running) throw new Error('The cluster does not run.');
    return this.running.kubernetes;
  }

  /** The official client, which is an ES module only. */
  get client(): typeof k8s {
    if (!this.running) throw new Error('The cluster does not run.');
    return this.running.client;
  }

  get config(): k8s.KubeConfig {
    const config = new this.client.KubeConfig();
    config.loadFromFile(this.kubernetes.kubeconfigFile);
    return config;
  }

  async start(): Promise<this> {
    const certificate = await ensureCertificates(join(this.folder, 'certificates'));
    const journal = await Journal.open(join(this.folder, 'kubernetes.journal'));
    const kubernetes = await startLocalKubernetes({
      port: 0,
      stateDir: this.folder,
      certificate,
      journal,
      images: this.images,
      podEnvironment: { NODE_EXTRA_CA_CERTS: certificate.caFile },
      log: line => this.log.push(line),
    });
    this.running = { kubernetes, journal, client: await import('@kubernetes/client-node') };
    return this;
  }

  async stop(): Promise<void> {
    await this.running?.kubernetes.stop();
    await this.running?.journal.close();
    this.running = undefined;
  }

  /** Command lines of the pods' processes: they have this cluster's CA in their environment. Linux only: reads /proc. */
  processes(): string[] {
    return readdirSync('/proc').flatMap(pid => {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
      try {
        const ours = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`NODE_EXTRA_CA_CERTS=${this.folder}/`);
        return ours ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
      } catch {
        // It ended while we looked, or belongs to somebody else.
        return [];
      }
    });
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The cluster that a contract is held against; nothing in it tells which one that is. */
export interface ContractCluster {
  client: typeof k8s;
  /** Administrator access. */
  config: k8s.KubeConfig;
  namespace: string;
}

/** The same cluster as somebody else. */
export function withToken({ client, config }: ContractCluster, token: string | undefined): k8s.KubeConfig {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error('The kubeconfig names no cluster.');
  const other = new client.KubeConfig();
  other.loadFromClusterAndUser(cluster, { name: 'other', ...(token === undefined ? {} : { token }) });
  return other;
}

/** Less than mocha gives a test, so that a wait in vain fails where it is and does not go on behind later tests. */
const patienceMilliseconds = 40_000;

/** Asks until the answer is there. */
export async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = Date.now() + patienceMilliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`Waited ${patienceMilliseconds / 1000} s in vain for ${look.toString()}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** The Status with which a request was refused. */
export interface Refusal {
  code: number;
  reason: string | undefined;
  message: string;
  details?: { name?: string; kind?: string; causes?: { reason: string; message: string; field: string }[] };
}

/** Runs a request that must be refused, and gives the Status of the answer. */
export async function refusal(request: Promise<unknown>): Promise<Refusal> {
  try {
    await request;
  } catch (error) {
    const { code, body } = error as { code: unknown; body: unknown };
    if (typeof code !== 'number') throw error;
    // The client drops the body of a 401.
    if (body === undefined) return { code, reason: undefined, message: '' };
    const status = (typeof body === 'string' ? JSON.parse(body) : body) as Refusal & { kind: string };
    if (status.kind !== 'Status') {
      throw new Error(`The answer ${code} is no Status: ${JSON.stringify(body)}`, { cause: error });
    }
    return status;
  }
  throw new Error('The request was not refused.');
}
