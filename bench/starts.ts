import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { coldStartMilliseconds } from '../scripts/cold-start';
import { packageExtension } from '../scripts/package';
import { stage, taskNames } from '../scripts/product';
import { median } from './statistics';

interface Start {
  name: string;
  /** Bytes of the bundle, and of what it adds to the package. */
  bytes: number;
  packed: number;
  /** One sample a round. */
  milliseconds: number[];
  /** Each against an empty script of the same round. */
  ratios: number[];
}

/** How long each task's bundle takes to load and to refuse missing inputs, in turns with an empty script; and the package's size in bytes. */
export async function measureStarts(rounds: number): Promise<{ packageBytes: number; starts: Start[] }> {
  const packageBytes = statSync(await packageExtension()).size;
  const folder = mkdtempSync(join(tmpdir(), 'guardian-starts-'));
  try {
    const empty = join(folder, 'empty.js');
    writeFileSync(empty, '');
    const starts = taskNames.map((name): Start => {
      const text = readFileSync(join(stage, 'tasks', name, 'index.js'));
      return { name, bytes: text.length, packed: gzipSync(text).length, milliseconds: [], ratios: [] };
    });
    for (let round = 0; round < rounds; round++) {
      const without = await coldStartMilliseconds(empty);
      for (const start of starts) {
        const milliseconds = await coldStartMilliseconds(join(stage, 'tasks', start.name, 'index.js'));
        start.milliseconds.push(milliseconds);
        start.ratios.push(milliseconds / without);
      }
    }
    return { packageBytes, starts };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function startsTable({ packageBytes, starts }: Awaited<ReturnType<typeof measureStarts>>): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    '| task | bundle | packed | cold start | against an empty script |',
    '|---|---|---|---|---|',
    ...starts.map(({ name, bytes, packed, milliseconds, ratios }) => {
      return `| ${name} | ${mib(bytes)} | ${mib(packed)} | ${median(milliseconds)} ms | ${median(ratios).toFixed(1)} |`;
    }),
    '',
    `The package, with the scoring runtime: ${mib(packageBytes)}.`,
  ].join('\n');
}
