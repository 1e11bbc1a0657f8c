import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { Journal } from '../../../local/journal';
import { ObjectStore } from '../../../local/kubernetes/objects/object-store';
import { resourceNamed } from '../../../local/kubernetes/objects/resources';
import { pageParts, type PageParts } from '../../../local/page/page-parts';
import { startPage, type RunningPage } from '../../../local/page/page-server';
import { RecentRequests } from '../../../local/page/recent-requests';
import type { RecordedRequest } from '../../../local/requests/request-record';
import type { AzureFixture } from '../azure/azure-fixture';
import { EchoEndpoint } from '../online-endpoints/echo-endpoint';

/** Local Azure with an endpoint, a small cluster's objects and the page over both. */
export class PageFixture {
  private constructor(
    readonly echo: EchoEndpoint,
    readonly parts: PageParts,
    readonly page: RunningPage,
    readonly cluster: ObjectStore,
    private readonly folder: string,
    private readonly journal: Journal,
  ) {}

  static async start(): Promise<PageFixture> {
    const folder = mkdtempSync(join(tmpdir(), 'guardian-page-'));
    const requests = new RecentRequests();
    const echo = await EchoEndpoint.start({ recordRequest: (request: RecordedRequest) => requests.add(request) });
    const journal = await Journal.open(join(folder, 'cluster.journal'));
    const cluster = new ObjectStore(journal);
    cluster.put(resourceNamed('namespaces'), {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'guardian', uid: '1', resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
    });
    const parts = pageParts(echo.fixture.azure, {
      description: { ...echo.fixture.azure.description, kubeconfig: join(folder, 'kubeconfig') },
      kubernetesUrl: 'https://127.0.0.1:1',
      cluster,
      requests,
    });
    return new PageFixture(echo, parts, await startPage(parts, 0), cluster, folder, journal);
  }

  get azure(): AzureFixture {
    return this.echo.fixture;
  }

  url(path: string): string {
    return this.page.url + path;
  }

  async end(): Promise<void> {
    await this.page.stop();
    await this.echo.end();
    await this.journal.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A job whose log and end the test decides. */
  async submitTalkingJob(name: string, displayName = name): Promise<TalkingJob> {
    const file = join(this.folder, `${name}.txt`);
    writeFileSync(file, '');
    const command = `tail -n +1 -f ${file} & while [ ! -f ${file}.end ]; do sleep 0.1; done; sleep 0.3; kill $!`;
    await this.azure
      .client()
      .jobs.createOrUpdate(
        ...this.azure.names,
        name,
        await this.azure.commandJob(command, { displayName, tags: { note: displayName } }),
      );
    return {
      say: text => appendFileSync(file, text),
      end: () => writeFileSync(`${file}.end`, ''),
    };
  }

  async logMetric(run_id: string, key: string, value: number, step: number): Promise<void> {
    const { status, text } = await this.azure.call(
      'POST',
      `${this.azure.azure.description.mlflow}/api/2.0/mlflow/runs/log-metric`,
      { token: await this.azure.token(), body: { run_id, key, value, step, timestamp: Date.now() } },
    );
    if (status !== 200) throw new Error(text);
  }

  putConfig(kind: 'ConfigMap' | 'Secret', name: string, data: Record<string, string>): void {
    this.cluster.put(resourceNamed(`${kind.toLowerCase()}s`), {
      apiVersion: 'v1',
      kind,
      metadata: {
        name,
        namespace: 'guardian',
        uid: name,
        resourceVersion: '',
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      data,
    });
  }
}

export interface TalkingJob {
  say(text: string): void;
  end(): void;
}
