import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withLock } from './build-lock';
import { debianTorch, installDebianPackages } from './debian-packages';
import { findPythons, findTorch } from './interpreters';
import { type Machine, thisMachine } from './machine';
import { Pip } from './pip';
import { modulesOf, parseRequirements, type Requirement } from './requirements';
import { Steps } from './steps';

export interface PythonOptions {
  /** pip requirement lines; empty = the Python that is there, as it is. */
  requirements: string[];
  /** Where environments are kept; one per set of requirements. */
  cacheDir: string;
  log: (line: string) => void;
  signal?: AbortSignal;
  /** PATH, HOME, proxies, pip's settings and GUARDIAN_ALLOW_LARGE_DOWNLOAD; this process's unless given. */
  env?: NodeJS.ProcessEnv;
}

export interface PreparedPython {
  python: string;
  /** Folder to put in front of PATH. */
  binDir: string;
  /** Whether it was there before. */
  reused: boolean;
}

/** What the marker of a complete environment holds. */
interface Complete {
  requirements: string[];
  /** Of the interpreter: a system that was upgraded has another one behind the same path. */
  pythonVersion: string;
}

const noPython = 'There is no Python 3.9 or newer on this machine. Install it (python3) and run again.';

/**
 * Finds or makes a Python with the given packages. Prefers an installed CPU build of torch: the system's, on Debian and
 * Ubuntu apt's, else PyTorch's CPU wheels. Never downloads gigabytes unless GUARDIAN_ALLOW_LARGE_DOWNLOAD=1.
 * Calls for the same packages at the same time, from this or another process, share one build.
 */
export async function preparePython(
  options: PythonOptions,
  machine: Machine = thisMachine(options.env ?? process.env),
): Promise<PreparedPython> {
  return new PythonSetup(options, machine).prepare();
}

class PythonSetup {
  private readonly requirements: ReturnType<typeof parseRequirements>;
  private readonly folder: string;
  private readonly prepared: PreparedPython;
  private readonly steps: Steps;

  constructor(
    private readonly options: PythonOptions,
    private readonly machine: Machine,
  ) {
    this.steps = new Steps(machine, options.log, options.signal);
    this.requirements = parseRequirements(options.requirements);
    const hash = createHash('sha256').update(options.requirements.join('\n')).digest('hex').slice(0, 12);
    this.folder = join(options.cacheDir, `python-${hash}`);
    const python = join(this.folder, machine.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
    this.prepared = { python, binDir: dirname(python), reused: true };
  }

  async prepare(): Promise<PreparedPython> {
    const { options, machine, prepared } = this;
    if (options.requirements.length === 0) {
      const [python] = await findPythons(machine, options.signal);
      if (python === undefined) throw new Error(noPython);
      return { python, binDir: dirname(python), reused: true };
    }
    if (await this.isComplete()) return prepared;
    await mkdir(options.cacheDir, { recursive: true });
    const onWait = (): void => options.log('Another run makes the same Python environment: waiting for it');
    return withLock(`${this.folder}.lock`, { onWait, signal: options.signal }, async () => {
      if (await this.isComplete()) return prepared;
      await this.build();
      return { ...prepared, reused: false };
    });
  }

  /** Found without importing anything, as this is on the way of every job. */
  private async isComplete(): Promise<boolean> {
    const { python } = this.prepared;
    let complete: Complete;
    try {
      complete = JSON.parse(await readFile(join(this.folder, 'complete.json'), 'utf8')) as Complete;
    } catch {
      return false;
    }
    if (!this.machine.exists(python)) return false;
    const script = `import sys, platform, importlib.util as u; print(platform.python_version()); sys.exit(any(u.find_spec(n) is None for n in ${JSON.stringify(this.modules)}))`;
    const { code, output } = await this.steps.run(python, ['-c', script]);
    return code === 0 && output.trim() === complete.pythonVersion;
  }

  private get modules(): string[] {
    return modulesOf([...this.requirements.torch, ...this.requirements.others]);
  }

  /** The marker comes last: what has none is made again from the start. */
  private async build(): Promise<void> {
    const { torch, others, skipped } = this.requirements;
    const { log } = this.options;
    const { python } = this.prepared;
    const began = Date.now();
    for (const { line } of skipped) log(`${line}: not needed on this machine, left out.`);
    const base = await this.chooseBase(torch);
    await this.requireVenv(base.python);
    await rm(this.folder, { recursive: true, force: true });
    await this.steps.checked('make a virtual environment', base.python, [
      '-m',
      'venv',
      ...(base.torch ? ['--system-site-packages'] : []),
      this.folder,
    ]);
    const pip = new Pip(this.steps, this.folder, python);
    if (torch.length > 0 && !base.torch) await pip.installTorch(torch);
    if (others.length > 0) await pip.installOthers(others);
    const imports = this.modules.map(name => `import ${name}`).join('; ');
    if (imports !== '') await this.steps.checked(`use the Python environment ${this.folder}`, python, ['-c', imports]);
    const version = await this.steps.checked(`use ${python}`, python, [
      '-c',
      'import platform; print(platform.python_version())',
    ]);
    const complete: Complete = { requirements: this.options.requirements, pythonVersion: version.trim() };
    await writeFile(join(this.folder, 'complete.json'), `${JSON.stringify(complete, undefined, 2)}\n`);
    log(`Python environment ready in ${((Date.now() - began) / 1000).toFixed(0)} s: ${this.folder}`);
  }

  /** The Python that the environment is made from: one that has torch where torch is wanted and to be had. */
  private async chooseBase(torch: readonly Requirement[]): Promise<{ python: string; torch?: Record<string, string> }> {
    const { machine } = this;
    const { log, signal } = this.options;
    const pythons = await findPythons(machine, signal);
    if (torch.length > 0) {
      let found = await findTorch(machine, pythons, torch, log, signal);
      if (!found && (await installDebianPackages(this.steps, debianTorch, 'PyTorch for the CPU, about 150 MB')))
        found = await findTorch(machine, await findPythons(machine, signal), torch, log, signal);
      if (found) {
        log(`Using PyTorch ${found.torch['torch'] ?? ''} of ${found.python}`);
        return found;
      }
    }
    const [first] = pythons;
    if (first === undefined) throw new Error(noPython);
    return { python: first };
  }

  private async requireVenv(python: string): Promise<void> {
    const works = async (): Promise<boolean> =>
      (await this.steps.run(python, ['-c', 'import venv, ensurepip'])).code === 0;
    if (await works()) return;
    // Debian and Ubuntu keep this part of Python in a package of its own.
    if ((await installDebianPackages(this.steps, ['python3-venv'], 'small')) && (await works())) return;
    throw new Error(`${python} cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv`);
  }
}
