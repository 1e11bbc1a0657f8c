/** A pip requirement such as `torch>=1.13`. */
export interface Requirement {
  /** Lower case, dashes. */
  name: string;
  line: string;
}

/** torch and what is built against one version of it: from the system, or from PyTorch's own index, never from PyPI as it comes. */
export const torchFamily: readonly string[] = ['torch', 'torchvision', 'torchaudio'];

/**
 * Left out on this machine: its plug-in speaks azureml:// tracking addresses only, while local Azure gives jobs a plain MLflow
 * address. It would take a third of the set-up's time (5 s) and hold mlflow-skinny at an older version.
 */
const notNeededHere = new Set(['azureml-mlflow']);

/** Modules of packages that training may need, for the proof that an environment works. Others are not imported. */
const modules = new Map([
  ['torch', 'torch'],
  ['torchvision', 'torchvision'],
  ['torchaudio', 'torchaudio'],
  ['mlflow', 'mlflow'],
  ['mlflow-skinny', 'mlflow'],
  ['numpy', 'numpy'],
  ['onnx', 'onnx'],
  ['onnxruntime', 'onnxruntime'],
  ['pillow', 'PIL'],
]);

/** @throws Error for a pip option or a line that names no package; neither can be split from torch safely. */
export function parseRequirements(lines: readonly string[]): {
  torch: Requirement[];
  others: Requirement[];
  skipped: Requirement[];
} {
  const all = lines
    .map(line => line.replace(/(^|\s)#.*$/, '').trim())
    .filter(line => line !== '')
    .map(line => {
      if (line.startsWith('-')) throw new Error(`The pip option "${line}" is not supported by local compute.`);
      const name = /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?/.exec(line)?.[0];
      if (name === undefined) throw new Error(`"${line}" is not a pip requirement.`);
      return { name: name.toLowerCase().replace(/[._-]+/g, '-'), line };
    });
  return {
    torch: all.filter(item => torchFamily.includes(item.name)),
    others: all.filter(item => !torchFamily.includes(item.name) && !notNeededHere.has(item.name)),
    skipped: all.filter(item => notNeededHere.has(item.name)),
  };
}

/** The Python modules that the requirements bring, as far as they are known here. */
export function modulesOf(requirements: readonly Requirement[]): string[] {
  return [...new Set(requirements.flatMap(({ name }) => modules.get(name) ?? []))];
}

/**
 * Whether a version meets a requirement's clauses (`>=1.13,<3`). Only the release numbers count: Debian's torch 1.13.1 calls
 * itself 1.13.0a0, which PEP 440 places before 1.13. A requirement with a URL or a clause that is not understood is not met.
 */
export function meets(version: string, { line }: Requirement): boolean {
  const clauses = /^[\w.-]+(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?/.exec(line)?.[1]?.trim() ?? '';
  if (clauses === '') return true;
  return clauses.split(',').every(clause => {
    const match = /^\s*(===?|!=|~=|[<>]=?)\s*v?(\d+(?:\.\d+)*)(\.\*)?[^,]*$/.exec(clause);
    if (!match) return false;
    const [, operator = '', number = '', wildcard] = match;
    const wanted = number.split('.').map(Number);
    const found = releaseOf(version);
    const order = compare(found, wanted);
    // With a wildcard, and for ~= with all but the last number, only the numbers that are there must agree.
    const startsWith = (prefix: number[]): boolean => compare(found.slice(0, prefix.length), prefix) === 0;
    switch (operator) {
      case '>=':
        return order >= 0;
      case '<=':
        return order <= 0;
      case '>':
        return order > 0;
      case '<':
        return order < 0;
      case '~=':
        return order >= 0 && startsWith(wanted.slice(0, -1));
      case '!=':
        return wildcard ? !startsWith(wanted) : order !== 0;
      default:
        return wildcard ? startsWith(wanted) : order === 0;
    }
  });
}

/** 2.3.1+cpu -> [2, 3, 1] */
export function releaseOf(version: string): number[] {
  return (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number);
}

/** Less than, equal to or greater than 0; missing numbers count as 0. */
export function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
