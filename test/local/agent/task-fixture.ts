import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Masker } from '../../../local/agent/masker';
import { runTaskProcess, type RunTaskOptions, type TaskRun } from '../../../local/agent/run-task';

export const taskFixtures = resolve(__dirname, '../../fixtures/tasks');

/** Runs fixture tasks, each in a folder of its own below one that goes at the end. */
export class TaskFixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'guardian-agent-'));

  run(name: string, inputs: Record<string, string> = {}, change: Partial<RunTaskOptions> = {}): Promise<TaskRun> {
    const folder = mkdtempSync(join(this.folder, 'job-'));
    return runTaskProcess({
      taskDir: join(taskFixtures, name),
      inputs,
      connections: [],
      variables: [],
      workDir: join(folder, 's'),
      tempDir: join(folder, 'temp'),
      masker: new Masker(),
      onLine: () => undefined,
      ...change,
    });
  }

  /** The task prints these lines. */
  speak(lines: string[], change: Partial<RunTaskOptions> = {}): Promise<TaskRun> {
    return this.run('Speak', { lines: lines.join('\n') }, change);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
