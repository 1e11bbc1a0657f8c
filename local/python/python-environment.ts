import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withLock } from './build-lock';
import { findPythons, findTorch } from './interpreters';
import { type Machine, thisMachine } from './machine';
import { compare, modulesOf, parseRequirements, releaseOf, type Requirement, torchFamily } from './requirements';

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

/** Debian's packages of a CPU-only PyTorch: 153 MB to download, against 3 GB for the wheels on PyPI, which hold CUDA. */
const debianPackages = ['python3-torch', 'python3-torchvision', 'python3-onnx', 'python3-venv'];
const cpuWheels = 'https://download.pytorch.org/whl/cpu';
const pip = ['-m', 'pip', '--disable-pip-version-check', '--no-input'];
const noPython = 'There is no Python 3.9 or newer on this machine. Install it (python3) and run again.';
const reportMilliseconds = 15_000;

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

  constructor(
    private readonly options: PythonOptions,
    private readonly machine: Machine,
  ) {
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
    const { code, output } = await this.run(python, ['-c', script]);
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
    await this.checked('make a virtual environment', base.python, [
      '-m',
      'venv',
      ...(base.torch ? ['--system-site-packages'] : []),
      this.folder,
    ]);
    if (torch.length > 0 && !base.torch) await this.installTorch(torch);
    if (others.length > 0) await this.installOthers(others);
    const imports = this.modules.map(name => `import ${name}`).join('; ');
    if (imports !== '') await this.checked(`use the Python environment ${this.folder}`, python, ['-c', imports]);
    const version = await this.checked(`use ${python}`, python, [
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
      if (!found && (await this.installDebian(debianPackages, 'PyTorch for the CPU, about 150 MB')))
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
    const works = async (): Promise<boolean> => (await this.run(python, ['-c', 'import venv, ensurepip'])).code === 0;
    if (await works()) return;
    // Debian and Ubuntu keep this part of Python in a package of its own.
    if ((await this.installDebian(['python3-venv'], 'small')) && (await works())) return;
    throw new Error(`${python} cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv`);
  }

  /** @returns false where apt cannot or may not install them */
  private async installDebian(packages: string[], size: string): Promise<boolean> {
    const { machine } = this;
    const { log } = this.options;
    if (!machine.exists('/usr/bin/apt-get')) return false;
    if ((await this.run('dpkg', ['-s', ...packages])).code === 0) return false;
    if (!machine.isRoot && (await this.run('sudo', ['-n', 'true'])).code !== 0) {
      log(`With more rights, apt could install what is missing: sudo apt-get install ${packages.join(' ')}`);
      return false;
    }
    const apt = async (...args: string[]): Promise<number | null> => {
      const environment = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'DPkg::Lock::Timeout=120'];
      const [command = '', ...rest] = [...(machine.isRoot ? [] : ['sudo', '-n']), ...environment, ...args];
      return (await this.run(command, rest)).code;
    };
    const code = await this.reporting(`Installing ${packages.join(', ')} with apt (${size})`, async () => {
      await apt('update', '-qq');
      return apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
    });
    if (code !== 0) log('apt could not install them.');
    return code === 0;
  }

  private async installTorch(torch: readonly Requirement[]): Promise<void> {
    const { python } = this.prepared;
    const lines = torch.map(item => item.line);
    const what = lines.join(', ');
    if (!this.pypiTorchHasCuda()) {
      await this.reporting(`pip installs ${what} (about 200 MB)`, () =>
        this.checked('install PyTorch', python, [...pip, 'install', '--quiet', ...lines]),
      );
      return;
    }
    const cpu = await this.reporting(`pip installs ${what} from PyTorch's CPU wheels (about 200 MB)`, () =>
      this.run(python, [...pip, 'install', '--quiet', '--index-url', cpuWheels, ...lines]),
    );
    if (cpu.code === 0) return;
    if (!this.mayDownloadMuch()) {
      throw new Error(
        `PyTorch for the CPU could not be installed: pip got no ${what} from ${cpuWheels} (${lastLines(cpu.output, 1)}). What PyPI has for Linux is about 3 GB with CUDA: set GUARDIAN_ALLOW_LARGE_DOWNLOAD=1 to take it, or install a CPU build yourself, on Debian and Ubuntu with: sudo apt-get install ${debianPackages.join(' ')}`,
      );
    }
    await this.reporting(`pip installs ${what} with CUDA (about 3 GB)`, () =>
      this.checked('install PyTorch', python, [...pip, 'install', '--quiet', ...lines]),
    );
  }

  /** Everything but torch, with constraints that keep torch as it is: a package that depends on it must not bring PyPI's. */
  private async installOthers(others: readonly Requirement[]): Promise<void> {
    const { python } = this.prepared;
    const constraints = join(this.folder, 'constraints.txt');
    const lines = await this.constraintLines();
    await writeFile(constraints, lines.map(line => `${line}\n`).join(''));
    const { code, output } = await this.reporting(`pip installs ${others.map(item => item.line).join(', ')}`, () =>
      this.run(python, [...pip, 'install', '--quiet', '--constraint', constraints, ...others.map(item => item.line)]),
    );
    if (code === 0) return;
    const torchIsWhy = lines.some(line => line.includes('<0')) && /\btorch(vision|audio)?\b/.test(output);
    const hint = torchIsWhy
      ? '\nOne of the packages needs PyTorch, and what PyPI has is about 3 GB with CUDA: name torch and torchvision among the requirements to get CPU builds, or set GUARDIAN_ALLOW_LARGE_DOWNLOAD=1.'
      : '';
    throw new Error(`Could not install the Python packages: ${lastLines(output, 8)}${hint}`);
  }

  private async constraintLines(): Promise<string[]> {
    const script = `import json, importlib.metadata as m\nhave = {d.metadata["Name"].lower(): d.version for d in m.distributions() if d.metadata["Name"]}\nprint(json.dumps({n: have.get(n) for n in ${JSON.stringify(torchFamily)}}))`;
    const output = await this.checked('look at the installed packages', this.prepared.python, ['-c', script]);
    const installed = JSON.parse(output) as Record<string, string | null>;
    const lines = torchFamily.flatMap(name => {
      const version = installed[name];
      if (version) return [`${name}==${version}`];
      return this.pypiTorchHasCuda() && !this.mayDownloadMuch() ? [`${name}<0`] : [];
    });
    // torch before 2.3 is built against numpy 1 and fails with 2.
    const torch = installed['torch'];
    return torch && compare(releaseOf(torch), [2, 3]) < 0 ? [...lines, 'numpy<2'] : lines;
  }

  /** For macOS, Windows and ARM PyPI has builds for the CPU only. */
  private pypiTorchHasCuda(): boolean {
    return this.machine.platform === 'linux' && this.machine.arch === 'x64';
  }

  private mayDownloadMuch(): boolean {
    return this.machine.env['GUARDIAN_ALLOW_LARGE_DOWNLOAD'] === '1';
  }

  /** Says what is done, and every 15 seconds that it is still being done. */
  private async reporting<T>(what: string, action: () => Promise<T>): Promise<T> {
    const { log } = this.options;
    const began = Date.now();
    log(what);
    const timer = setInterval(
      () => log(`  still at it after ${((Date.now() - began) / 1000).toFixed(0)} s`),
      reportMilliseconds,
    );
    try {
      return await action();
    } finally {
      clearInterval(timer);
    }
  }

  private run(command: string, args: string[]): Promise<{ code: number | null; output: string }> {
    return this.machine.run(command, args, { signal: this.options.signal });
  }

  /** @returns what the program printed; @throws Error with its last lines when it fails */
  private async checked(what: string, command: string, args: string[]): Promise<string> {
    const { code, output } = await this.run(command, args);
    if (code !== 0) throw new Error(`Could not ${what}: ${lastLines(output, 8) || `exit code ${String(code)}`}`);
    return output;
  }
}

function lastLines(output: string, count: number): string {
  return output.trim().split('\n').slice(-count).join('\n');
}
