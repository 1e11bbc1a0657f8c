import type { Load, ScoringResults, Visit } from './scoring';
import { median } from './statistics';

const oursName = 'scoring runtime';

/** One of the goals: what was measured for us and for the best of the others, in one run. */
interface Target {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  readonly met: boolean;
}

/** Tables for people: each server's medians, then each goal with what was reached. */
export function scoringTables(results: ScoringResults): string {
  const parts = Object.keys(results.servers).map(model => serverTable(results, model));
  const limit = Object.entries(results.limit).map(([configuration, loads]) => {
    const [sessions, threads, batch] = configuration.split(' ');
    return `| ${sessions} sessions, ${threads} threads, batch ${batch} | ${figures(loads)} |`;
  });
  const decode = Object.entries(results.decode).map(([image, { ours, openCv }]) => {
    const [a, b] = [median(ours), median(openCv)];
    return `| ${image} | ${a.toFixed(2)} ms | ${b.toFixed(2)} ms | ${(a / b).toFixed(2)} |`;
  });
  const goals = targets(results).map(
    ({ what, target, measured, met }) => `| ${what} | ${target} | ${measured} | ${met ? 'yes' : 'no'} |`,
  );
  return [
    ...parts,
    `### onnxruntime-node alone, ResNet50\n\n| configuration | images/s, p50 and p99 of a run in ms |\n|---|---|\n${limit.join('\n')}`,
    `### JPEG to input, one processor\n\n| image | ours | OpenCV | ours / OpenCV |\n|---|---|---|---|\n${decode.join('\n')}`,
    `### Goals\n\n| what | target | measured | met |\n|---|---|---|---|\n${goals.join('\n')}`,
  ].join('\n\n');
}

function serverTable({ servers }: ScoringResults, model: string): string {
  const visits = Object.entries(servers[model] ?? {});
  const loads = Object.keys(visits[0]?.[1][0]?.loads ?? {});
  const rows = visits.map(([name, all]) => {
    const cells = loads.map(load => figures(loadsOf(all, load)));
    const start = median(all.map(({ startSeconds }) => startSeconds)).toFixed(2);
    const memory = median(all.map(({ idleMemory }) => idleMemory)).toFixed(0);
    return `| ${[name, ...cells, start, memory].join(' | ')} |`;
  });
  const head = ['server', ...loads, 'start to ready, s', 'idle memory, MiB'];
  return [
    `### ${model}: images/s, p50 and p99 in ms`,
    '',
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    ...rows,
  ].join('\n');
}

function loadsOf(visits: readonly Visit[], load: string): Load[] {
  return visits.flatMap(visit => visit.loads[load] ?? []);
}

function figures(loads: readonly Load[]): string {
  const of = (key: keyof Load) => median(loads.map(load => load[key]));
  return `${of('perSecond').toFixed(1)}, ${of('p50').toFixed(1)}, ${of('p99').toFixed(1)}`;
}

/** The median over the rounds of our figure by the best of the others in the same round. */
function ratio(
  all: Readonly<Record<string, readonly Visit[]>>,
  figure: (visit: Visit) => number,
  best: 'most' | 'least',
): { ratio: number; rival: string } {
  const others = Object.entries(all).filter(([name]) => name !== oursName);
  const rounds = (all[oursName] ?? []).map((visit, round) => {
    const values = others.map(([name, visits]) => ({ name, value: figure(visits[round] ?? visit) }));
    const winner = values.reduce((a, b) => ((best === 'most') === b.value > a.value ? b : a));
    return { ratio: figure(visit) / winner.value, rival: winner.name };
  });
  const middle = rounds.sort((a, b) => a.ratio - b.ratio)[Math.floor(rounds.length / 2)];
  return middle ?? { ratio: NaN, rival: '' };
}

function targets(results: ScoringResults): Target[] {
  const { resnet50 = {}, tiny = {} } = results.servers;
  const goals: Target[] = [];
  const limits = Array.from({ length: results.rounds }, (_, round) =>
    Math.max(...Object.values(results.limit).map(loads => loads[round]?.perSecond ?? 0)),
  );
  for (const load of ['JPEG, 8 at once', 'JPEG, 32 at once']) {
    const shares = loadsOf(resnet50[oursName] ?? [], load).map(
      ({ perSecond }, round) => perSecond / (limits[round] ?? NaN),
    );
    goals.push(goal(`ResNet50, ${load}, against onnxruntime-node alone`, median(shares), 'least', 0.92));
  }
  const perSecond = (load: string) => (visit: Visit) => visit.loads[load]?.perSecond ?? NaN;
  const p99 = (load: string) => (visit: Visit) => visit.loads[load]?.p99 ?? NaN;
  const against = (
    what: string,
    all: typeof tiny,
    figure: (visit: Visit) => number,
    limit: number,
    bound: Bound,
  ): void => {
    if (Object.keys(all).length < 2) return;
    const { ratio: value, rival } = ratio(all, figure, bound === 'least' ? 'most' : 'least');
    goals.push(goal(`${what}, against the best rival (${rival})`, value, bound, limit));
  };
  for (const load of ['JPEG, 8 at once', 'JPEG, 32 at once']) {
    against(`ResNet50, ${load}, images/s`, resnet50, perSecond(load), 1.1, 'least');
    against(`ResNet50, ${load}, p99`, resnet50, p99(load), 0.6, 'most');
  }
  against('tiny model, JPEG, 32 at once, images/s', tiny, perSecond('JPEG, 32 at once'), 2, 'least');
  against('tiny model, tensor, 32 at once, images/s', tiny, perSecond('tensor, 32 at once'), 4, 'least');
  for (const [image, { ours, openCv }] of Object.entries(results.decode))
    goals.push(
      goal(
        `JPEG of ${image} to input, against OpenCV`,
        median(ours.map((value, at) => value / (openCv[at] ?? NaN))),
        'most',
        1.2,
      ),
    );
  const alone = loadsOf(resnet50[oursName] ?? [], 'JPEG, 1 at once').map(({ p99: slow }, round) => {
    const run = results.limit['1 2 1']?.[round]?.p99 ?? NaN;
    return slow - run - (results.decode['640 x 427']?.ours[round] ?? NaN);
  });
  const over = median(alone);
  goals.push({
    what: 'ResNet50, 1 at once: p99 less the p99 of a run and a decode',
    target: '<= 2 ms',
    measured: `${over.toFixed(1)} ms`,
    met: over <= 2,
  });
  against('idle memory with ResNet50', resnet50, ({ idleMemory }) => idleMemory, 0.6, 'most');
  against('start to ready with ResNet50', resnet50, ({ startSeconds }) => startSeconds, 0.5, 'most');
  return goals;
}

/** Whether the target is the least or the most that a figure may be. */
type Bound = 'least' | 'most';

function goal(what: string, value: number, bound: Bound, limit: number): Target {
  return {
    what,
    target: `${bound === 'least' ? '>=' : '<='} ${limit}`,
    measured: value.toFixed(2),
    met: bound === 'least' ? value >= limit : value <= limit,
  };
}

/** Images a second of each server as bars, one panel a load; an SVG that reads in light and dark. */
export function scoringChart(results: ScoringResults): string {
  const panels = [
    ['resnet50', 'JPEG, 8 at once', 'ResNet50, JPEG, 8 at once'],
    ['tiny', 'JPEG, 32 at once', 'tiny model, JPEG, 32 at once'],
    ['tiny', 'tensor, 32 at once', 'tiny model, tensor, 32 at once'],
  ] as const;
  const [bar, gap, left, width] = [18, 6, 230, 380];
  let y = 10;
  const drawn = panels.map(([model, load, title]) => {
    const bars = Object.entries(results.servers[model] ?? {})
      .map(([name, visits]) => ({ name, value: median(loadsOf(visits, load).map(({ perSecond }) => perSecond)) }))
      .sort((a, b) => b.value - a.value);
    const most = Math.max(...bars.map(({ value }) => value));
    const head = `<text x="0" y="${(y += 16)}" font-weight="bold">${title}: images a second</text>`;
    y += 8;
    const rows = bars.map(({ name, value }) => {
      const length = Math.max(1, Math.round((value / most) * width));
      const row = `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${name}</text><rect x="${left}" y="${y}" width="${length}" height="${bar}" fill="${name === oursName ? '#2563eb' : '#94a3b8'}"/><text x="${left + length + 6}" y="${y + 13}">${value.toFixed(value < 100 ? 1 : 0)}</text>`;
      y += bar + gap;
      return row;
    });
    y += 14;
    return [head, ...rows].join('\n');
  });
  const style =
    'text{font:13px system-ui,sans-serif;fill:#1f2937}@media(prefers-color-scheme:dark){text{fill:#e5e7eb}}';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 690 ${y}" width="690" height="${y}" role="img" aria-label="Images a second by server"><style>${style}</style>\n${drawn.join('\n')}\n</svg>\n`;
}
