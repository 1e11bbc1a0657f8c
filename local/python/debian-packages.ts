import type { Steps } from './steps';

/** Debian's packages of a CPU-only PyTorch: 153 MB to download, against 3 GB for the wheels on PyPI, which hold CUDA. */
export const debianTorch = ['python3-torch', 'python3-torchvision', 'python3-onnx', 'python3-venv'];

/** @returns false where apt is not there, cannot or may not install them, or has installed them before */
export async function installDebianPackages(steps: Steps, packages: string[], size: string): Promise<boolean> {
  const { machine, log } = steps;
  if (!machine.exists('/usr/bin/apt-get')) return false;
  if ((await steps.run('dpkg', ['-s', ...packages])).code === 0) return false;
  if (!machine.isRoot && (await steps.run('sudo', ['-n', 'true'])).code !== 0) {
    log(`With more rights, apt could install what is missing: sudo apt-get install ${packages.join(' ')}`);
    return false;
  }
  const apt = async (...args: string[]): Promise<number | null> => {
    const program = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'DPkg::Lock::Timeout=120'];
    const [command = '', ...rest] = [...(machine.isRoot ? [] : ['sudo', '-n']), ...program, ...args];
    return (await steps.run(command, rest)).code;
  };
  const code = await steps.reporting(`Installing ${packages.join(', ')} with apt (${size})`, async () => {
    // Without network the lists that are there may do.
    await apt('update', '-qq');
    return apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
  });
  if (code !== 0) log('apt could not install them.');
  return code === 0;
}
