import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { type Load, load, photographs } from './scoring';
import { containerEnv, RunningServer, serverFile } from './scoring-servers';
import { median } from './statistics';

/**
 * Model folders against each other, such as an export and its 8-bit copy: each served by the scoring runtime in turns,
 * with JPEGs, 8 at once. @returns a table
 */
export async function compareModels(
  folders: readonly string[],
  rounds: number,
  seconds: number,
  log: (line: string) => void,
): Promise<{ loads: Record<string, Load[]>; table: string }> {
  const [first] = folders;
  if (first === undefined) throw new Error('Name the model folders to compare.');
  const work = mkdtempSync(join(tmpdir(), 'guardian-bench-'));
  const loads: Record<string, Load[]> = {};
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const folder of round % 2 === 1 ? folders : [...folders].reverse()) {
        log(`round ${round}: ${folder}`);
        const who = {
          name: basename(folder),
          start: () =>
            Promise.resolve({
              command: [process.execPath, serverFile] as const,
              env: { ...containerEnv(), AZUREML_MODEL_DIR: resolve(folder) },
            }),
        };
        const model = { name: who.name, file: '', size: 0 };
        const server = await RunningServer.start(who, model, work, photographs[0] ?? '');
        try {
          const body = { path: '/score', type: 'image/jpeg', header: 0, files: photographs };
          await load(server.url, body, 8, 1);
          (loads[folder] ??= []).push(await load(server.url, body, 8, seconds));
        } finally {
          await server.stop();
        }
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const rows = Object.entries(loads).map(([folder, all]) => {
    const of = (key: 'perSecond' | 'p50' | 'p99') => median(all.map(one => one[key]));
    const ratios = all.map(({ perSecond }, round) => perSecond / (loads[first]?.[round]?.perSecond ?? NaN));
    return `| ${folder} | ${of('perSecond').toFixed(1)} | ${of('p50').toFixed(1)} | ${of('p99').toFixed(1)} | ${median(ratios).toFixed(2)} |`;
  });
  const head = `| model | images/s | p50, ms | p99, ms | against ${first} |\n|---|---|---|---|---|`;
  return { loads, table: [head, ...rows].join('\n') };
}
