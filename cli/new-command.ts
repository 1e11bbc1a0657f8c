import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { CommandModule } from 'yargs';
import type { Surroundings } from './connection';
import { textFlag } from './flags';
import { UsageError } from './usage-error';

/** The names in the samples that a project has its own of: the flag, what it is for, and the samples' name. */
const names = [
  { flag: 'workspace-name', what: 'Azure Machine Learning workspace', sample: 'guardian-ai-ml-workspace-prod' },
  { flag: 'resource-group', what: 'Resource group of the workspace', sample: 'guardian-ai-prod' },
  { flag: 'azure-connection', what: 'Azure service connection', sample: 'guardian-azure-connection' },
  { flag: 'kubernetes-connection', what: 'Kubernetes service connection', sample: 'guardian-kubernetes-connection' },
  { flag: 'variable-group', what: 'Variable group of the pipelines', sample: 'guardian-variables' },
  { flag: 'environment', what: 'Environment of the deployments, where approvals are', sample: 'guardian-production' },
] as const;

/** What such a name may be, so that it stands in YAML as it is. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{1,89}$/;

const texts = new Set(['.yml', '.yaml', '.md', '.sh']);

/** Tools' own leavings in the samples, should somebody have run them there. */
const made = new Set(['node_modules', '__pycache__', '.pytest_cache', 'mlruns', 'outputs', '.local']);

/** `guardian new DIR`: a project of one's own from the samples. */
export function newCommand(root: string, { cwd }: Surroundings): CommandModule {
  return {
    command: 'new <dir>',
    describe: 'Makes a project from the samples: pipelines, training code, application, ready to run on local Azure',
    builder: yargs =>
      yargs
        .positional('dir', { type: 'string', demandOption: true, describe: 'Folder to make; empty, if it is there' })
        .options(
          Object.fromEntries(
            names.map(({ flag, what, sample }) => [
              flag,
              { type: 'string', describe: what, defaultDescription: sample, requiresArg: true },
            ]),
          ),
        )
        .option('yes', { type: 'boolean', describe: 'Ask nothing: what is not given has the default' }),
    handler: async argv => {
      const dir = resolve(cwd, String(argv['dir']));
      if (existsSync(dir) && readdirSync(dir).length > 0)
        throw new UsageError(`${dir} is not empty: give a new folder.`);
      const ask = process.stdin.isTTY && argv['yes'] !== true;
      const chosen: [string, string][] = [];
      for (const { flag, what, sample } of names) {
        const value = textFlag(argv, flag) ?? (ask ? await asked(what, sample) : sample);
        if (!namePattern.test(value))
          throw new UsageError(
            `--${flag} is "${value}", but must be 2 to 90 letters, digits, dashes, dots and underscores, starting with a letter or digit.`,
          );
        chosen.push([sample, value]);
      }
      copySamples(join(root, 'samples'), dir, chosen);
      process.stdout.write(nextSteps(dir));
    },
  };
}

async function asked(what: string, otherwise: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${what} [${otherwise}]: `)).trim() || otherwise;
  } finally {
    terminal.close();
  }
}

/** Paths in the samples begin with samples/, the folder that a project of its own has not got. */
function copySamples(from: string, to: string, chosen: readonly (readonly [string, string])[]): void {
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true, filter: path => !made.has(basename(path)) });
  for (const file of readdirSync(to, { recursive: true, encoding: 'utf8' })) {
    if (!texts.has(extname(file)) && dirname(file) !== 'release') continue;
    const path = join(to, file);
    const own = chosen.reduce((text, [sample, value]) => text.replaceAll(sample, value), readFileSync(path, 'utf8'));
    writeFileSync(path, own.replace(/(?<=_guardian\/|(?<![\w/-]))samples\//g, ''));
  }
  writeFileSync(
    join(to, '.gitignore'),
    ['.local/', 'node_modules/', '__pycache__/', 'outputs/', 'mlruns/', ''].join('\n'),
  );
}

function nextSteps(dir: string): string {
  return `Made ${dir}. Try it on this machine, without an Azure account:

  cd ${dir}
  git init && git add . && git commit -m "Start from the samples"
  guardian local pipeline pipelines/azure-pipelines-ml-training.yml --param architecture=mobilenet_v3_small --param imageSize=64 --param epochs=2

README.md there says what comes next.
`;
}
