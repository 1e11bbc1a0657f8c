/**
 * `npm run bench [-- --rounds N]`: our tasks and the official Python SDK doing the same work against the same local Azure, in turns.
 * Prints a table of medians and ratios, and writes every sample to bench/results.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/product';
import { compareAzureTasks, type Comparison, type Sample } from './azure-tasks';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });

const measures: readonly [keyof Sample, string, (value: number) => string][] = [
  ['toFirstRequest', 'start to first request', value => `${value.toFixed(2)} s`],
  ['overhead', 'wall time without the job', value => `${value.toFixed(2)} s`],
  ['requests', 'requests', value => value.toFixed(0)],
  ['sent', 'sent', value => `${(value / 1000).toFixed(1)} KB`],
  ['memory', 'peak memory', value => `${value.toFixed(0)} MiB`],
];

function median(samples: readonly Sample[], key: keyof Sample): number {
  const sorted = samples.map(sample => sample[key]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function table({ operation, ours, rival }: Comparison): string {
  const rows = measures.map(([key, name, show]) => {
    const [a, b] = [median(ours, key), median(rival, key)];
    return `| ${name} | ${show(a)} | ${show(b)} | ${(b / a).toFixed(1)} |`;
  });
  return [`### ${operation}`, '', '| median | our task | Python SDK | SDK / ours |', '|---|---|---|---|', ...rows].join(
    '\n',
  );
}

async function main(): Promise<void> {
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds must be a whole number above 0, not "${values.rounds}".`);
  const comparisons = await compareAzureTasks(rounds, line => process.stderr.write(`${line}\n`));
  const machine = { cpus: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version };
  const file = join(root, 'bench/results.json');
  mkdirSync(join(root, 'bench'), { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify({ measuredAt: new Date().toISOString(), machine, rounds, comparisons }, null, 2)}\n`,
  );
  console.log(comparisons.map(table).join('\n\n'));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
