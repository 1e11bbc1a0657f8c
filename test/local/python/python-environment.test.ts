import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { preparePython, type PreparedPython } from '../../../local/python/python-environment';
import { FakeMachine } from './fake-machine';

const debianTorch = { torch: '1.13.0a0+gitunknown', torchvision: '0.14.1a0' };
const training = ['torch>=1.13', 'torchvision>=0.14', 'mlflow-skinny>=2.14', 'azureml-mlflow>=1.57'];

describe('the Python of a training job', () => {
  let machine: FakeMachine;
  let cacheDir: string;
  let log: string[];

  beforeEach(() => {
    cacheDir = mkdtempSync(join(tmpdir(), 'guardian-python-'));
    log = [];
    machine = new FakeMachine();
    machine.pythons.set('/usr/bin/python3', {});
  });
  afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

  const prepare = (requirements: string[]): Promise<PreparedPython> =>
    preparePython({ requirements, cacheDir, log: line => log.push(line) }, machine);
  const constraints = (python: string): string[] =>
    readFileSync(join(dirname(dirname(python)), 'constraints.txt'), 'utf8')
      .trim()
      .split('\n');

  it('is the one on PATH when nothing is required', async () => {
    machine.pythons.set('/opt/python/bin/python3', {});
    machine.env = { PATH: '/opt/python/bin:/usr/bin' };
    const { python, binDir } = await prepare([]);
    assert.deepEqual([python, binDir], ['/opt/python/bin/python3', '/opt/python/bin']);
    assert.deepEqual(machine.installs, []);
  });

  it('is made from the one that has PyTorch, even if another comes first on PATH', async () => {
    machine.pythons.set('/opt/python/bin/python3', {});
    machine.pythons.set('/usr/bin/python3', { torch: debianTorch });
    machine.env = { PATH: '/opt/python/bin:/usr/bin' };
    const { python, reused } = await prepare(training);
    assert.equal(reused, false);
    const venv = machine.runs.find(run => run[1] === '-m' && run[2] === 'venv');
    assert.deepEqual(venv?.slice(0, 4), ['/usr/bin/python3', '-m', 'venv', '--system-site-packages']);
    assert.equal(machine.installs.length, 1, 'PyTorch itself was installed again');
    assert.equal(machine.installs[0]?.at(-1), 'mlflow-skinny>=2.14');
    assert.deepEqual(constraints(python), [
      'torch==1.13.0a0+gitunknown',
      'torchvision==0.14.1a0',
      'torchaudio<0',
      'numpy<2',
    ]);
    assert.match(log.join('\n'), /azureml-mlflow>=1\.57: not needed on this machine/);
  });

  it('lets numpy be 2 with a PyTorch that was built for it', async () => {
    machine.pythons.set('/usr/bin/python3', { torch: { torch: '2.9.0+cpu', torchvision: '0.24.0+cpu' } });
    const { python } = await prepare(training);
    assert.ok(!constraints(python).includes('numpy<2'));
  });

  it('is used again as long as its interpreter is the same', async () => {
    machine.pythons.set('/usr/bin/python3', { torch: debianTorch });
    const first = await prepare(training);
    const runs = machine.runs.length;
    assert.deepEqual(await prepare(training), { ...first, reused: true });
    assert.equal(machine.runs.length, runs + 1);
    machine.pythons.set(first.python, { version: '3.12.1' });
    assert.equal((await prepare(training)).reused, false);
  });

  it('gets PyTorch from apt where the user may install packages', async () => {
    machine.hasApt = true;
    machine.isRoot = true;
    machine.onApt = () => {
      machine.pythons.set('/usr/bin/python3', { torch: debianTorch });
      return { code: 0, output: '' };
    };
    await prepare(training);
    assert.equal(machine.aptInstalls.length, 1);
    assert.ok(machine.aptInstalls[0]?.includes('python3-torchvision'));
    assert.equal(machine.installs.length, 1);
    assert.match(log.join('\n'), /Installing python3-torch, .* with apt \(.*150 MB\)/);
  });

  it('uses sudo where that asks for no password', async () => {
    machine.hasApt = true;
    machine.sudo = true;
    await prepare(training);
    assert.deepEqual(machine.aptInstalls[0]?.slice(0, 2), ['sudo', '-n']);
  });

  it('gets the CPU wheels of PyTorch where apt may not be used, and says what apt could do', async () => {
    machine.hasApt = true;
    await prepare(training);
    assert.deepEqual(machine.aptInstalls, []);
    assert.deepEqual(machine.installs[0], [
      '--quiet',
      '--index-url',
      'https://download.pytorch.org/whl/cpu',
      'torch>=1.13',
      'torchvision>=0.14',
    ]);
    assert.match(log.join('\n'), /sudo apt-get install python3-torch/);
  });

  it('passes over a PyTorch that is too old', async () => {
    machine.pythons.set('/usr/bin/python3', { torch: debianTorch });
    await prepare(['torch>=2.2']);
    assert.match(log.join('\n'), /torch 1\.13\.0a0\+gitunknown of \/usr\/bin\/python3 does not meet torch>=2\.2/);
    assert.ok(machine.installs[0]?.includes('--index-url'));
  });

  describe('when the CPU wheels cannot be had', () => {
    beforeEach(() => {
      machine.onPip = args =>
        args.includes('--index-url')
          ? { code: 1, output: 'ERROR: No matching distribution found for torch' }
          : { code: 0, output: '' };
    });

    it('does not take the gigabytes from PyPI, and says what to do instead', async () => {
      await assert.rejects(prepare(training), (error: Error) => {
        assert.match(error.message, /about 3 GB with CUDA/);
        assert.match(error.message, /GUARDIAN_ALLOW_LARGE_DOWNLOAD=1/);
        assert.match(error.message, /apt-get install python3-torch/);
        return true;
      });
      assert.equal(machine.installs.length, 1);
    });

    it('takes them when that is allowed, and says so', async () => {
      machine.env = { PATH: '/usr/bin', GUARDIAN_ALLOW_LARGE_DOWNLOAD: '1' };
      await prepare(training);
      assert.deepEqual(machine.installs[1], ['--quiet', 'torch>=1.13', 'torchvision>=0.14']);
      assert.match(log.join('\n'), /with CUDA \(about 3 GB\)/);
    });
  });

  it('keeps a package that needs PyTorch from bringing the gigabytes along', async () => {
    machine.onPip = () => ({ code: 1, output: 'ERROR: ResolutionImpossible: for help visit https://pip.pypa.io' });
    await assert.rejects(prepare(['timm']), /torch<0.*about 3 GB.*name torch and torchvision among the requirements/s);
  });

  it('takes PyPI for systems whose wheels there are for the CPU', async () => {
    machine.platform = 'darwin';
    await prepare(training);
    assert.deepEqual(machine.installs[0], ['--quiet', 'torch>=1.13', 'torchvision>=0.14']);
  });

  it('is not there: says what to install', async () => {
    machine.pythons.clear();
    await assert.rejects(prepare([]), /There is no Python 3\.9 or newer on this machine/);
    await assert.rejects(prepare(training), /There is no Python 3\.9 or newer on this machine/);
  });

  it('cannot make environments: says which package can', async () => {
    machine.pythons.set('/usr/bin/python3', { torch: debianTorch, venv: false });
    await assert.rejects(prepare(training), /cannot make virtual environments.*python3-venv/);
  });
});
