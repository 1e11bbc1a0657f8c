import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianTorch } from './debian-packages';
import { compare, releaseOf, type Requirement, torchFamily } from './requirements';
import { lastLines, type Steps } from './steps';

const cpuWheels = 'https://download.pytorch.org/whl/cpu';
const pip = ['-m', 'pip', '--disable-pip-version-check', '--no-input'];

/** Installs packages into one virtual environment, and never gigabytes of CUDA that nobody asked for. */
export class Pip {
  constructor(
    private readonly steps: Steps,
    private readonly folder: string,
    private readonly python: string,
  ) {}

  async installTorch(torch: readonly Requirement[]): Promise<void> {
    const { python, steps } = this;
    const lines = torch.map(item => item.line);
    const what = lines.join(', ');
    if (!this.pypiTorchHasCuda()) {
      await steps.reporting(`pip installs ${what} (about 200 MB)`, () =>
        this.steps.checked('install PyTorch', python, [...pip, 'install', '--quiet', ...lines]),
      );
      return;
    }
    const cpu = await steps.reporting(`pip installs ${what} from PyTorch's CPU wheels (about 200 MB)`, () =>
      steps.run(python, [...pip, 'install', '--quiet', '--index-url', cpuWheels, ...lines]),
    );
    if (cpu.code === 0) return;
    if (!this.mayDownloadMuch()) {
      throw new Error(
        `PyTorch for the CPU could not be installed: pip got no ${what} from ${cpuWheels} (${lastLines(cpu.output, 1)}). What PyPI has for Linux is about 3 GB with CUDA: set GUARDIAN_ALLOW_LARGE_DOWNLOAD=1 to take it, or install a CPU build yourself, on Debian and Ubuntu with: sudo apt-get install ${debianTorch.join(' ')}`,
      );
    }
    await steps.reporting(`pip installs ${what} with CUDA (about 3 GB)`, () =>
      this.steps.checked('install PyTorch', python, [...pip, 'install', '--quiet', ...lines]),
    );
  }

  /** Everything but torch, with constraints that keep torch as it is: a package that depends on it must not bring PyPI's. */
  async installOthers(others: readonly Requirement[]): Promise<void> {
    const { python, steps } = this;
    const constraints = join(this.folder, 'constraints.txt');
    const lines = await this.constraintLines();
    await writeFile(constraints, lines.map(line => `${line}\n`).join(''));
    const { code, output } = await steps.reporting(`pip installs ${others.map(item => item.line).join(', ')}`, () =>
      steps.run(python, [...pip, 'install', '--quiet', '--constraint', constraints, ...others.map(item => item.line)]),
    );
    if (code === 0) return;
    // pip says which packages it gave up on, but without being asked for more not because of what.
    const held = /ResolutionImpossible|conflicting dependencies|No matching distribution/.test(output) ? lines : [];
    const why = held.length > 0 ? `\nThese were to stay as they are: ${held.join(', ')}.` : '';
    const torch = held.some(line => line.endsWith('<0'))
      ? ' What PyPI has of PyTorch for Linux is about 3 GB with CUDA. If one of the packages needs it, name torch and torchvision among the requirements to get CPU builds, or set GUARDIAN_ALLOW_LARGE_DOWNLOAD=1.'
      : '';
    throw new Error(`Could not install the Python packages: ${lastLines(output, 8)}${why}${torch}`);
  }

  private async constraintLines(): Promise<string[]> {
    const script = `import json, importlib.metadata as m\nhave = {d.metadata["Name"].lower(): d.version for d in m.distributions() if d.metadata["Name"]}\nprint(json.dumps({n: have.get(n) for n in ${JSON.stringify(torchFamily)}}))`;
    const output = await this.steps.checked('look at the installed packages', this.python, ['-c', script]);
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
    return this.steps.machine.platform === 'linux' && this.steps.machine.arch === 'x64';
  }

  private mayDownloadMuch(): boolean {
    return this.steps.machine.env['GUARDIAN_ALLOW_LARGE_DOWNLOAD'] === '1';
  }
}
