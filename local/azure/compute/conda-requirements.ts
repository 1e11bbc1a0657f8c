import { parse } from 'yaml';

/** Conda's names of packages that PyPI has under another one. */
const pypiNames: Record<string, string> = {
  pytorch: 'torch',
  'pytorch-cpu': 'torch',
  opencv: 'opencv-python-headless',
};
/** Not packages to install: the interpreter and what every virtual environment has. */
const notPackages = new Set(['python', 'pip', 'setuptools', 'wheel', 'cpuonly']);

/**
 * The pip requirement lines of a conda environment file: its `pip:` lines as they are, its conda packages as `name==version.*`.
 * @throws Error naming what cannot be turned into a pip requirement
 */
export function condaRequirements(condaFile: string): string[] {
  if (condaFile.trim() === '') return [];
  const document: unknown = parse(condaFile);
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error('The conda file is not a mapping.');
  const { dependencies } = document as { dependencies?: unknown };
  if (dependencies === undefined || dependencies === null) return [];
  if (!Array.isArray(dependencies)) throw new Error('The conda file has dependencies that are not a list.');
  return dependencies.flatMap((dependency: unknown) => {
    if (typeof dependency === 'string') return fromConda(dependency);
    const pip = (dependency as { pip?: unknown } | null)?.pip;
    if (Array.isArray(pip) && pip.every(line => typeof line === 'string')) return pip;
    throw new Error(
      `The conda file has a dependency that is neither a package nor a list of pip requirements: ${JSON.stringify(dependency)}`,
    );
  });
}

function fromConda(dependency: string): string[] {
  const match = /^(?:[\w.-]+::)?([\w.-]+)\s*(?:(==|>=|<=|>|<|!=|~=|=)\s*([^=\s]+))?$/.exec(dependency.trim());
  if (!match) {
    throw new Error(
      `Local compute cannot install the conda package "${dependency}". List it under pip:, or write it as name, name=version or name>=version.`,
    );
  }
  const [, name = '', operator, version = ''] = match;
  if (notPackages.has(name.toLowerCase())) return [];
  const pypi = pypiNames[name.toLowerCase()] ?? name;
  if (operator === undefined) return [pypi];
  // A single = of conda matches the version and everything below it.
  return operator === '=' ? [`${pypi}==${version.replace(/\.\*$/, '')}.*`] : [`${pypi}${operator}${version}`];
}
