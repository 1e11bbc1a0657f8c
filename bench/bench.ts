/**
 * `npm run bench [-- PART] [--rounds N]`: `tasks` (the part when none is named) lets our tasks and the official Python SDK do the same
 * work against the same local Azure, `scoring` the scoring runtime and other servers answer the same photographs, `models FOLDER FOLDER` the scoring runtime with one model
 * and with another, such as its 8-bit copy, `starts` each task's bundle and an empty script; always in turns. `restore` takes live
 * traffic back in every way and says what that took.
 * Prints tables of medians and ratios, and writes every sample to bench/results.json; `scoring` with all servers puts its
 * tables and chart into docs/PERFORMANCE.md too.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/product';
import { compareAzureTasks, type Comparison, type Sample } from './azure-tasks';
import { compareScoring } from './scoring';
import { withSection } from './page-section';
import { compareModels } from './scoring-models';
import { scoringChart, scoringTables } from './scoring-report';
import { measureStarts, startsTable } from './starts';
import { median } from './statistics';
import { restoreTable, timeToRestore } from './time-to-restore';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** 5, or 3 of the scoring part, so that it is done within a quarter of an hour. */
    rounds: { type: 'string' },
    /** Of each load on a scoring server. */
    seconds: { type: 'string', default: '3' },
    /** Scoring servers that take part; all when there are none. */
    only: { type: 'string', multiple: true, default: [] },
  },
});

const measures: readonly [keyof Sample, string, (value: number) => string][] = [
  ['toFirstRequest', 'start to first request', value => `${value.toFixed(2)} s`],
  ['overhead', 'wall time without the job', value => `${value.toFixed(2)} s`],
  ['requests', 'requests', value => value.toFixed(0)],
  ['sent', 'sent', value => `${(value / 1000).toFixed(1)} KB`],
  ['memory', 'peak memory', value => `${value.toFixed(0)} MiB`],
];

function table({ operation, ours, rival }: Comparison): string {
  const rows = measures.map(([key, name, show]) => {
    const of = (samples: readonly Sample[]): number => median(samples.map(sample => sample[key]));
    const [a, b] = [of(ours), of(rival)];
    return `| ${name} | ${show(a)} | ${show(b)} | ${(b / a).toFixed(1)} |`;
  });
  return [`### ${operation}`, '', '| median | our task | Python SDK | SDK / ours |', '|---|---|---|---|', ...rows].join(
    '\n',
  );
}

async function benchTasks(rounds: number): Promise<string> {
  const comparisons = await compareAzureTasks(rounds, log);
  keep('tasks', { rounds, comparisons });
  return comparisons.map(table).join('\n\n');
}

async function benchScoring(rounds: number, seconds: number, only: readonly string[]): Promise<string> {
  const machine = `Node.js ${process.versions.node}, ${cpus().length} processors (${cpus()[0]?.model.trim() ?? ''})`;
  const about = `${new Date().toISOString().slice(0, 10)}: ${rounds} rounds, ${seconds} s a load, ${machine}; the system's load was ${loadavg()[0]?.toFixed(1)} when it began.`;
  const results = await compareScoring(rounds, seconds, only, log);
  keep('scoring', results);
  const tables = `${about}\n\n${scoringTables(results)}`;
  if (only.length === 0) {
    writeFileSync(join(root, 'docs/scoring-performance.svg'), scoringChart(results));
    const page = join(root, 'docs/PERFORMANCE.md');
    writeFileSync(page, withSection(readFileSync(page, 'utf8'), 'scoring', tables));
  }
  return tables;
}

async function benchModels(folders: readonly string[], rounds: number, seconds: number): Promise<string> {
  const { loads, table: text } = await compareModels(folders, rounds, seconds, log);
  keep('models', { rounds, loads });
  return text;
}

async function benchRestore(rounds: number): Promise<string> {
  const restorations = await timeToRestore(rounds, log);
  keep('restore', { rounds, restorations });
  return restoreTable(restorations);
}

async function benchStarts(rounds: number): Promise<string> {
  const measured = await measureStarts(rounds);
  keep('starts', { rounds, ...measured });
  return startsTable(measured);
}

/** Puts what was measured beside what other parts left in bench/results.json. */
function keep(part: string, measured: object): void {
  const file = join(root, 'bench/results.json');
  const others = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as object) : {};
  const machine = { cpus: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version };
  const results = { ...others, [part]: { measuredAt: new Date().toISOString(), machine, ...measured } };
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  const rounds = wholeNumber('rounds', values.rounds ?? (positionals[0] === 'scoring' ? '3' : '5'));
  const parts: Record<string, () => Promise<string>> = {
    tasks: () => benchTasks(rounds),
    scoring: () => benchScoring(rounds, wholeNumber('seconds', values.seconds), values.only),
    models: () => benchModels(folders, rounds, wholeNumber('seconds', values.seconds)),
    restore: () => benchRestore(rounds),
    starts: () => benchStarts(rounds),
  };
  const [part = 'tasks', ...folders] = positionals;
  const measure = Object.hasOwn(parts, part) ? parts[part] : undefined;
  if (!measure) throw new Error(`There is ${Object.keys(parts).join(', ')} to measure, not "${part}".`);
  console.log(await measure());
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${option} must be a whole number above 0, not "${text}".`);
  return value;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
