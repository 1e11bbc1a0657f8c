import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Machine } from '../../../local/python/machine';

interface FakePython {
  version?: string;
  /** Package -> version of what can be imported. */
  torch?: Record<string, string>;
  venv?: boolean;
}

type Result = { code: number | null; output: string };
const ok = (output = ''): Result => ({ code: 0, output });
const failed = (output = ''): Result => ({ code: 1, output });

/** A machine of a test's choosing. Programs are answered for by what the set-up asks of them; every run is recorded. */
export class FakeMachine implements Machine {
  platform: NodeJS.Platform = 'linux';
  arch = 'x64';
  isRoot = false;
  env: NodeJS.ProcessEnv = { PATH: '/usr/bin' };
  /** Path -> interpreter. */
  pythons = new Map<string, FakePython>();
  hasApt = false;
  sudo = false;
  /** What apt brings when it installs. */
  onApt: () => Result = () => failed('no network');
  onPip: (args: string[]) => Result = () => ok();
  readonly runs: string[][] = [];

  exists(path: string): boolean {
    return this.pythons.has(path) || (path === '/usr/bin/apt-get' && this.hasApt);
  }

  list(): string[] {
    return [];
  }

  run(command: string, args: string[]): Promise<Result> {
    this.runs.push([command, ...args]);
    return Promise.resolve(this.answer(command, args));
  }

  /** The pip commands that were run, from `install` on. */
  get installs(): string[][] {
    return this.runs.filter(run => run.includes('pip')).map(run => run.slice(run.indexOf('install') + 1));
  }

  get aptInstalls(): string[][] {
    return this.runs.filter(run => run.includes('apt-get') && run.includes('install'));
  }

  private answer(command: string, args: string[]): Result {
    const python = this.pythons.get(command);
    if (python) return this.answerPython(command, python, args);
    if (command === 'dpkg') return failed();
    if (command === 'sudo' && args.includes('true')) return this.sudo ? ok() : failed();
    if (args.includes('apt-get') && args.includes('install')) return this.onApt();
    return ok();
  }

  private answerPython(path: string, python: FakePython, args: string[]): Result {
    if (args.includes('pip')) return this.onPip(args);
    if (args[0] === '-m' && args[1] === 'venv') {
      const folder = args.at(-1) ?? '';
      mkdirSync(dirname(`${folder}/bin/python`), { recursive: true });
      const seen = args.includes('--system-site-packages') ? python.torch : undefined;
      this.pythons.set(`${folder}/bin/python`, { version: '3.11.2', ...(seen ? { torch: seen } : {}) });
      return ok();
    }
    const script = args[1] ?? '';
    if (script.includes('sys.executable')) return ok(`python\t${path}\t${path}-prefix\t${path}\n`);
    if (script.includes('import venv')) return python.venv === false ? failed() : ok();
    if (script.includes('m.distributions()')) return ok(JSON.stringify(python.torch ?? {}));
    if (script.includes('base_prefix'))
      return python.torch ? ok(`a warning\nversions ${JSON.stringify(python.torch)}\n`) : failed('ModuleNotFoundError');
    if (script.includes('python_version')) return ok(`${python.version ?? '3.11.2'}\n`);
    return ok();
  }
}
