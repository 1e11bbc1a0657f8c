import { delimiter, join } from 'node:path';
import type { Machine } from './machine';
import { meets, type Requirement } from './requirements';

/** A Python with every package of the torch family that is wanted. */
export interface PythonWithTorch {
  python: string;
  /** Package -> version. */
  torch: Record<string, string>;
}

/** Absolute paths of the Python 3.9 or newer interpreters of this machine: those on PATH first, then those in usual places, then pyenv's. */
export async function findPythons(machine: Machine, signal?: AbortSignal): Promise<string[]> {
  const names = machine.platform === 'win32' ? ['python.exe'] : ['python3', 'python'];
  const versions = join(machine.env['PYENV_ROOT'] ?? join(machine.env['HOME'] ?? '', '.pyenv'), 'versions');
  const folders = [
    ...(machine.env['PATH'] ?? '').split(delimiter).filter(folder => folder !== ''),
    ...(machine.platform === 'win32' ? [] : ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']),
    ...machine.list(versions).map(version => join(versions, version, 'bin')),
  ];
  const candidates = folders.flatMap(folder => names.map(name => join(folder, name)));
  const found = new Map<string, string>();
  for (const candidate of new Set(candidates)) {
    if (!machine.exists(candidate)) continue;
    // A shim such as pyenv's answers with the interpreter that it stands for.
    const script =
      'import os, sys; assert sys.version_info >= (3, 9); print("python", sys.executable, sys.prefix, os.path.realpath(sys.executable), sep="\\t")';
    const { code, output } = await machine.run(candidate, ['-c', script], { signal });
    const [, python, prefix = '', file = ''] = /^python\t(.*)\t(.*)\t(.*)$/m.exec(output) ?? [];
    // /bin/python3 is /usr/bin/python3 again; a virtual environment has the same file but packages of its own.
    const identity = `${prefix}\t${file.trimEnd()}`;
    if (code === 0 && python && ![...found.values()].includes(identity)) found.set(python, identity);
  }
  return [...found.keys()];
}

/** The first Python whose torch packages can be imported and are of the wanted versions. */
export async function findTorch(
  machine: Machine,
  pythons: readonly string[],
  torch: readonly Requirement[],
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<PythonWithTorch | undefined> {
  // The package's metadata has the version that pip goes by; torch.__version__ may be shorter.
  // What is installed in a virtual environment cannot be seen from another one that is made from it.
  const script = [
    'import json, sys, importlib, importlib.metadata as m',
    'assert sys.prefix == sys.base_prefix',
    `names = ${JSON.stringify(torch.map(item => item.name))}`,
    '[importlib.import_module(n) for n in names]',
    'print("versions " + json.dumps({n: m.version(n) for n in names}))',
  ].join('\n');
  for (const python of pythons) {
    const { code, output } = await machine.run(python, ['-c', script], { signal });
    const versions = /^versions (.*)$/m.exec(output)?.[1];
    if (code !== 0 || versions === undefined) continue;
    const found = JSON.parse(versions) as Record<string, string>;
    const unmet = torch.find(item => !meets(found[item.name] ?? '', item));
    if (!unmet) return { python, torch: found };
    log(`${unmet.name} ${found[unmet.name] ?? ''} of ${python} does not meet ${unmet.line}`);
  }
  return undefined;
}
