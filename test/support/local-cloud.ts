import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '../../local/agent/connection';
import { Masker } from '../../local/agent/masker';
import { runTaskProcess, type RunTaskOptions, type TaskRun } from '../../local/agent/run-task';
import { startLocalCloud, type LocalCloud, type LocalCloudOptions } from '../../local/cloud';
import { localProject, type Project } from '../../local/project';
import { root, stage } from '../../scripts/product';
import { RequestAudit } from './azure-schema/request-audit';

/** Local Azure and Kubernetes for one test file, and the built task bundles run against them with the agent's protocol. */
export class TestCloud {
  private constructor(
    readonly cloud: LocalCloud,
    readonly project: Project,
    readonly folder: string,
    private readonly audit: RequestAudit,
  ) {}

  /** @param options of the cloud, such as a Python for jobs that need no packages of their own */
  static async start(options: Partial<LocalCloudOptions> = {}): Promise<TestCloud> {
    const folder = mkdtempSync(join(tmpdir(), 'guardian-cloud-'));
    const audit = new RequestAudit();
    const cloud = await startLocalCloud({
      port: 0,
      stateDir: join(folder, 'state'),
      cacheDir: join(root, '.local/cache'),
      root,
      log: () => undefined,
      ...options,
      recordRequest: request => {
        audit.record(request);
        options.recordRequest?.(request);
      },
    });
    const project = localProject(cloud, { sourcesDir: root, taskDirs: [join(stage, 'tasks')] });
    return new TestCloud(cloud, project, folder, audit);
  }

  /** Ends it. Fails when a request that Resource Manager got, be it from a task or from the test, is not as the API's published schema has it. */
  async stop(): Promise<void> {
    await this.cloud.stop();
    rmSync(this.folder, { recursive: true, force: true });
    await this.audit.verify();
  }

  /** The project's connections, but with a service principal that has no role. */
  get deniedConnections(): Connection[] {
    const { clientId, clientSecret } = this.cloud.noAccess;
    const principal = { serviceprincipalid: clientId, serviceprincipalkey: clientSecret };
    return this.project.connections.map(item =>
      item.type === 'azurerm' ? { ...item, parameters: { ...item.parameters, ...principal } } : item,
    );
  }

  /** What a task's run gets of Azure DevOps when it is to see the project there: token, variables and a build, which is made. */
  inBuild(id: number, more: Record<string, string> = {}): Pick<RunTaskOptions, 'system' | 'variables'> {
    const { collectionUri, accessToken, name } = this.project;
    this.cloud.pipelines.openRun({
      id,
      buildNumber: `20260301.${id}`,
      planId: randomUUID(),
      definition: 'release',
      sourceBranch: 'refs/heads/main',
      sourceVersion: 'a'.repeat(40),
      repositoryId: 'guardian',
    });
    const variables = {
      'Build.BuildId': String(id),
      'Build.BuildNumber': `20260301.${id}`,
      'System.CollectionUri': collectionUri,
      'System.TeamProject': name,
      ...more,
    };
    return {
      system: { url: collectionUri, accessToken },
      variables: Object.entries(variables).map(([key, value]) => ({ name: key, value })),
    };
  }

  /** Runs one task of dist/ with these inputs, in a work folder of its own. */
  runTask(
    name: string,
    inputs: Record<string, string>,
    change: Partial<Parameters<typeof runTaskProcess>[0]> = {},
  ): Promise<TaskRun> {
    const workDir = mkdtempSync(join(this.folder, 'work-'));
    return runTaskProcess({
      taskDir: join(stage, 'tasks', name),
      inputs,
      connections: this.project.connections,
      variables: [],
      workDir,
      tempDir: mkdtempSync(join(this.folder, 'temp-')),
      env: this.project.environmentVariables,
      masker: new Masker(),
      onLine: () => undefined,
      ...change,
    });
  }
}
