import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Masker } from '../../local/agent/masker';
import { runTaskProcess, type TaskRun } from '../../local/agent/run-task';
import { startLocalCloud, type LocalCloud } from '../../local/cloud';
import { localProject, type Project } from '../../local/project';
import { root, stage } from '../../scripts/product';

/** Local Azure and Kubernetes for one test file, and the built task bundles run against them with the agent's protocol. */
export class TestCloud {
  private constructor(
    readonly cloud: LocalCloud,
    readonly project: Project,
    readonly folder: string,
  ) {}

  static async start(): Promise<TestCloud> {
    const folder = mkdtempSync(join(tmpdir(), 'guardian-cloud-'));
    const cloud = await startLocalCloud({
      port: 0,
      stateDir: join(folder, 'state'),
      cacheDir: join(root, '.local/cache'),
      root,
      log: () => undefined,
    });
    const project = localProject(cloud, { sourcesDir: root, taskDirs: [join(stage, 'tasks')] });
    return new TestCloud(cloud, project, folder);
  }

  async stop(): Promise<void> {
    await this.cloud.stop();
    rmSync(this.folder, { recursive: true, force: true });
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
