import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Local Kubernetes as a process of its own, which may be killed and started again on its state. */
export class KillableCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'guardian-killed-'));
  readonly kubeconfig = join(this.folder, 'kubeconfig');
  private child: ChildProcess | undefined;

  /** @returns the port that it listens on */
  async start(port: number): Promise<number> {
    const program = join(__dirname, 'cluster-process.ts');
    const started = spawn(process.execPath, ['--import', 'tsx', program, this.folder, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = started;
    const [line] = (await once(started.stdout, 'data')) as [Buffer];
    return Number(new URL(line.toString().trim()).port);
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Kills it for good, and removes its state. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
