import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalAzure } from '../../../local/azure/server';
import { start } from '../../../local/processes';
import { root } from '../../../scripts/product';
import { pythonWith, sdkEnvironment } from '../../support/python-packages';

/** Minutes: the first run on a machine installs the clients. */
export const setUpMilliseconds = 5 * 60_000;

interface Report {
  name: string;
  error?: string;
  seconds: number;
}

/** One Python script of checks with official clients, run once; see python/oracle.py. */
export class PythonOracle {
  private readonly reports = new Map<string, Report>();
  private told = 'It was not run.';

  constructor(private readonly script: string) {}

  /** The names of its checks, as the script's text has them, so that one that was never reached is missed. */
  get names(): string[] {
    const text = readFileSync(join(__dirname, 'python', this.script), 'utf8');
    return [...text.matchAll(/^@check\("(.+)"\)$/gm)].map(([, name = '']) => name);
  }

  /** Runs the script against this Azure, pointed at it by the clients' own settings. */
  async run(description: LocalAzure['description'], more: Record<string, unknown> = {}): Promise<void> {
    const python = await pythonWith(join(__dirname, 'requirements.txt'));
    const folder = await mkdtemp(join(tmpdir(), 'guardian-oracle-'));
    try {
      const info = join(folder, 'info.json');
      await writeFile(info, JSON.stringify({ ...description, ...more, root }));
      const child = start(python, ['-B', join(__dirname, 'python', this.script), info], {
        cwd: folder,
        env: {
          ...sdkEnvironment(description, folder),
          PYTHONDONTWRITEBYTECODE: '1',
          // Seconds between two looks at a job; whole ones only.
          AZUREML_RUN_POLLING_INTERVAL_MIN: '1',
          AZUREML_RUN_POLLING_INTERVAL_MAX: '1',
        },
      });
      const output: Buffer[] = [];
      const errors: Buffer[] = [];
      child.stdin.end();
      child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
      const { code } = await child.exit;
      this.told = `${this.script} ended with exit code ${String(code)}.\n${Buffer.concat(errors).toString().slice(-4000)}`;
      for (const line of Buffer.concat(output).toString().split('\n').filter(Boolean)) {
        const report = JSON.parse(line) as Report;
        this.reports.set(report.name, report);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Passes when the script's check passed. @throws Error with the client's own words when not */
  verdict(name: string): void {
    const report = this.reports.get(name);
    if (!report) throw new Error(`The check was never reached. ${this.told}`);
    if (report.error !== undefined) throw new Error(report.error);
  }
}
