import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { run } from './run';
import { parseRequirements, type Requirement } from './requirements';

export interface PythonOptions {
  /** pip requirement lines; empty = the Python that is there, as it is. */
  requirements: string[];
  /** Where environments are kept; one per set of requirements. */
  cacheDir: string;
  log: (line: string) => void;
  signal?: AbortSignal;
}

export interface PreparedPython {
  python: string;
  /** Folder to put in front of PATH. */
  binDir: string;
  reused: boolean;
}

/** Debian's packages of a CPU-only PyTorch: 153 MB to download, against 3 GB for the wheels on PyPI, which hold CUDA. */
const debianPackages = ['python3-torch', 'python3-torchvision', 'python3-onnx', 'python3-venv'];
const cpuWheels = 'https://download.pytorch.org/whl/cpu';

/** Environments that are being made by this process, so that two jobs with the same needs share one. */
const inProgress = new Map<string, Promise<PreparedPython>>();

/**
 * Finds or makes a Python with the given packages. Prefers an installed CPU build of torch: the system's, on Debian and
 * Ubuntu apt's, else PyTorch's CPU wheels. Never downloads gigabytes unless GUARDIAN_ALLOW_LARGE_DOWNLOAD=1.
 */
export function preparePython(options: PythonOptions): Promise<PreparedPython> {
  const key = join(
    options.cacheDir,
    createHash('sha256').update(options.requirements.join('\n')).digest('hex').slice(0, 12),
  );
  const running = inProgress.get(key);
  if (running) return running;
  const making = prepare(options, key).finally(() => inProgress.delete(key));
  inProgress.set(key, making);
  return making;
}

async function prepare(options: PythonOptions, key: string): Promise<PreparedPython> {
  const { log, signal, requirements } = options;
  const { torch, others, skipped } = parseRequirements(requirements);
  if (requirements.length === 0) {
    const [python] = await findPythons(signal);
    if (python === undefined) throw new Error('There is no Python 3 on this machine. Install it and run again.');
    return { python, binDir: dirname(python), reused: true };
  }
  const folder = join(dirname(key), `python-${key.slice(-12)}`);
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const complete = join(folder, 'complete');
  if (existsSync(complete) && (await works(python, [], signal)))
    return { python, binDir: dirname(python), reused: true };

  for (const { line } of skipped) log(`${line}: not needed on this machine, left out.`);
  const began = Date.now();
  const base = await basePython(torch, log, signal);
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await checked(
    run(base.python, ['-m', 'venv', ...(base.hasTorch ? ['--system-site-packages'] : []), folder], { signal }),
    'make a virtual environment',
  );
  if (torch.length > 0 && !base.hasTorch) await installTorch(python, torch, log, signal);
  // torch before 2.3 is built against numpy 1 and fails with 2.
  const numpyGuard =
    base.hasTorch && base.torchVersion !== undefined && versionBelow(base.torchVersion, 2, 3) ? ['numpy<2'] : [];
  if (others.length > 0) {
    log(`pip installs ${others.map(item => item.line).join(', ')}`);
    await checked(
      run(python, [...pip, 'install', '--quiet', ...numpyGuard, ...others.map(item => item.line)], { signal }),
      'install the Python packages',
    );
  }
  if (!(await works(python, torch, signal)))
    throw new Error(
      `The Python environment ${folder} was made, but ${torch.map(item => item.name).join(', ')} cannot be imported in it.`,
    );
  await writeFile(complete, `${requirements.join('\n')}\n`);
  log(`Python environment ready in ${((Date.now() - began) / 1000).toFixed(0)} s: ${folder}`);
  return { python, binDir: dirname(python), reused: false };
}

const pip = ['-m', 'pip', '--disable-pip-version-check', '--no-input'];

interface BasePython {
  python: string;
  hasTorch: boolean;
  torchVersion: string | undefined;
}

/** The Python that the environment is made from: one that has torch where torch is wanted and to be had. */
async function basePython(
  torch: readonly Requirement[],
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<BasePython> {
  const pythons = await findPythons(signal);
  const [first] = pythons;
  if (torch.length === 0 && first !== undefined) return { python: first, hasTorch: false, torchVersion: undefined };
  const found = await withTorch(pythons, torch, signal);
  if (found) {
    log(`Using PyTorch ${found.torchVersion ?? ''} of ${found.python}`);
    return found;
  }
  if (await installDebianTorch(log, signal)) {
    const installed = await withTorch(await findPythons(signal), torch, signal);
    if (installed) return installed;
  }
  if (first === undefined) throw new Error('There is no Python 3 on this machine. Install it and run again.');
  return { python: first, hasTorch: false, torchVersion: undefined };
}

async function withTorch(
  pythons: readonly string[],
  torch: readonly Requirement[],
  signal?: AbortSignal,
): Promise<BasePython | undefined> {
  const script = `${torch.map(item => `import ${item.name}`).join('; ')}; print(torch.__version__)`;
  for (const python of pythons) {
    const { code, output } = await run(python, ['-c', script], { signal });
    if (code === 0) return { python, hasTorch: true, torchVersion: output.trim() };
  }
  return undefined;
}

/** Absolute paths of the Python 3.9 or newer interpreters on this machine, the ones on PATH first. */
async function findPythons(signal?: AbortSignal): Promise<string[]> {
  const names = process.platform === 'win32' ? ['python.exe'] : ['python3'];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
  const candidates = folders.flatMap(folder => names.map(name => join(folder, name))).filter(existsSync);
  const found: string[] = [];
  for (const candidate of new Set(candidates)) {
    // A shim such as pyenv's answers with the interpreter that it stands for.
    const { code, output } = await run(
      candidate,
      ['-c', 'import sys; assert sys.version_info >= (3, 9); print(sys.executable)'],
      { signal },
    );
    const python = output.trim();
    if (code === 0 && python !== '' && !found.includes(python)) found.push(python);
  }
  return found;
}

async function installDebianTorch(log: (line: string) => void, signal?: AbortSignal): Promise<boolean> {
  if (!existsSync('/usr/bin/apt-get')) return false;
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (asRoot.length > 0 && (await run('sudo', ['-n', 'true'], { signal })).code !== 0) {
    log(`PyTorch is not installed. With more rights, apt could: sudo apt-get install ${debianPackages.join(' ')}`);
    return false;
  }
  log(`Installing ${debianPackages.join(', ')} with apt (about 150 MB)`);
  const apt = async (...args: string[]): Promise<number | null> => {
    const [command = 'apt-get', ...rest] = [...asRoot, 'apt-get', ...args];
    return (await run(command, rest, { signal, env: { DEBIAN_FRONTEND: 'noninteractive' } })).code;
  };
  await apt('update', '-qq');
  const code = await apt('install', '-y', '-qq', '--no-install-recommends', ...debianPackages);
  if (code !== 0) log('apt could not install them; trying pip.');
  return code === 0;
}

async function installTorch(
  python: string,
  torch: readonly Requirement[],
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const lines = torch.map(item => item.line);
  const cpuOnPyPi = process.platform !== 'linux' || process.arch !== 'x64';
  if (!cpuOnPyPi) {
    log(`pip installs ${lines.join(', ')} from PyTorch's CPU wheels (about 200 MB)`);
    if ((await run(python, [...pip, 'install', '--quiet', '--index-url', cpuWheels, ...lines], { signal })).code === 0)
      return;
    if (process.env['GUARDIAN_ALLOW_LARGE_DOWNLOAD'] !== '1') {
      throw new Error(
        `PyTorch is not installed and its CPU wheels (${cpuWheels}) cannot be reached. What PyPI has is 3 GB with CUDA: set GUARDIAN_ALLOW_LARGE_DOWNLOAD=1 to take it, or install a CPU build, on Debian and Ubuntu with: apt-get install ${debianPackages.join(' ')}`,
      );
    }
  }
  log(`pip installs ${lines.join(', ')}${cpuOnPyPi ? '' : ' with CUDA (about 3 GB)'}`);
  await checked(run(python, [...pip, 'install', '--quiet', ...lines], { signal }), 'install PyTorch');
}

async function works(python: string, torch: readonly Requirement[], signal?: AbortSignal): Promise<boolean> {
  const script = torch.map(item => `import ${item.name}`).join('; ') || 'pass';
  return existsSync(python) && (await run(python, ['-c', script], { signal })).code === 0;
}

async function checked(running: Promise<{ code: number | null; output: string }>, what: string): Promise<void> {
  const { code, output } = await running;
  if (code !== 0)
    throw new Error(
      `Could not ${what}: ${output.trim().split('\n').slice(-8).join('\n') || `exit code ${String(code)}`}`,
    );
}

function versionBelow(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(part => parseInt(part, 10));
  return a < major || (a === major && b < minor);
}
