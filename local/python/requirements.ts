/** A pip requirement such as `torch>=1.13`. */
export interface Requirement {
  /** Lower case, dashes. */
  name: string;
  line: string;
}

/** torch and what is built against one version of it: from the system, or from PyTorch's own index, never from PyPI as it comes. */
const torchFamily = new Set(['torch', 'torchvision', 'torchaudio']);

/**
 * Left out on this machine: its plug-in speaks azureml:// tracking addresses only and brings a score of packages; local
 * Azure gives jobs a plain MLflow address.
 */
const notNeededHere = new Set(['azureml-mlflow']);

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
      const name = /^[A-Za-z0-9][\w.-]*/.exec(line)?.[0];
      if (name === undefined) throw new Error(`"${line}" is not a pip requirement.`);
      return { name: name.toLowerCase().replace(/[._]/g, '-'), line };
    });
  return {
    torch: all.filter(item => torchFamily.has(item.name)),
    others: all.filter(item => !torchFamily.has(item.name) && !notNeededHere.has(item.name)),
    skipped: all.filter(item => notNeededHere.has(item.name)),
  };
}
