import type { Load, Profile, ScoringResults, Visit } from './scoring';
import { ours } from './scoring-servers';
import { median } from './statistics';

const [oursName = '', copiesName = ''] = ours.map(({ name }) => name);

/** One of the targets: what was measured for us and for the best of the others, in one run. */
interface Target {
  readonly what: string;
  readonly measured: string;
  readonly met: boolean;
}

/** Tables as docs/PERFORMANCE.md has them: each server's medians, the targets with what was reached, and where our time goes. */
export function scoringTables(results: ScoringResults): string {
  const { resnet50 = {}, tiny = {} } = results.servers;
  const limit = Object.entries(results.limit).map(([configuration, loads]) => {
    const [sessions, threads, batch] = configuration.split(' ');
    return [
      `${sessions} x ${threads} threads, ${batch} a run`,
      median(loads.map(({ perSecond }) => perSecond)).toFixed(1),
    ];
  });
  const decode = Object.entries(results.decode).map(([image, { ours: own, openCv }]) => {
    const [a, b] = [median(own), median(openCv)];
    return [image, a.toFixed(2), b.toFixed(2), (a / b).toFixed(2)];
  });
  const goals = targets(results).map(({ what, measured, met }) => [what, measured, met ? 'yes' : 'no']);
  return [
    'Images a second; p50 and p99 in ms:',
    serverTable('ResNet50', resnet50),
    serverTable('tiny model', tiny),
    table(['onnxruntime-node alone, ResNet50: sessions x threads', 'images/s'], limit),
    table(['JPEG to input, ms on one processor', 'ours', 'OpenCV', 'ours / OpenCV'], decode),
    table(['target', 'measured', 'met'], goals),
    'Where our time goes: milliseconds of processor time an image, by the kernel; from request to answer and of its steps, by the metrics of the server; and the time and images of one run of the model:',
    profileTable({ ResNet50: resnet50, 'tiny model': tiny }),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

function serverTable(model: string, visits: Readonly<Record<string, readonly Visit[]>>): string {
  const loads = Object.keys(Object.values(visits)[0]?.[0]?.loads ?? {});
  const rows = Object.entries(visits).map(([name, all]) => {
    const cells = loads.map(load => figures(loadsOf(all, load)));
    const start = median(all.map(({ startSeconds }) => startSeconds)).toFixed(2);
    const memory = median(all.map(({ idleMemory }) => idleMemory)).toFixed(0);
    return [isOurs(name) ? `**${name}**` : name, ...cells, start, memory];
  });
  return table([model, ...loads, 'start to ready, s', 'idle memory, MiB'], rows);
}

function profileTable(models: Readonly<Record<string, Readonly<Record<string, readonly Visit[]>>>>): string {
  const rows = Object.entries(models).flatMap(([model, servers]) =>
    Object.entries(servers)
      .filter(([name]) => isOurs(name))
      .flatMap(([name, visits]) =>
        Object.keys(visits[0]?.loads ?? {}).map(load => {
          const profiles = loadsOf(visits, load).flatMap(({ profile }) => profile ?? []);
          const of = (key: keyof Profile) => figure(median(profiles.map(profile => profile[key])));
          const what = `${model}, ${load}${name === copiesName ? ', 2 copies' : ''}`;
          return [
            what,
            of('processor'),
            of('mainThread'),
            of('request'),
            of('decode'),
            of('resize'),
            of('queue'),
            of('run'),
            of('batch'),
          ];
        }),
      ),
  );
  const head = [
    'processor',
    'its main thread',
    'request to answer',
    'decode',
    'resize',
    'wait for a batch',
    'run',
    'images a run',
  ];
  return table(['load', ...head], rows);
}

/** With three digits; what a load has not is NaN, such as decoding a tensor. */
function figure(value: number): string {
  return Number.isNaN(value) ? '' : value.toFixed(value < 1 ? 3 : value < 10 ? 2 : 1);
}

function isOurs(name: string): boolean {
  return ours.some(one => one.name === name);
}

function loadsOf(visits: readonly Visit[], load: string): Load[] {
  return visits.flatMap(visit => visit.loads[load] ?? []);
}

function figures(loads: readonly Load[]): string {
  const of = (key: 'perSecond' | 'p50' | 'p99') => median(loads.map(load => load[key]));
  return `${count(of('perSecond'))}; ${count(of('p50'))}, ${count(of('p99'))}`;
}

/** One decimal below a hundred, thousands with a comma. */
function count(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en-US');
}

/** The median over the rounds of our figure by the best of the others in the same round. */
function ratio(
  who: string,
  all: Readonly<Record<string, readonly Visit[]>>,
  figure: (visit: Visit) => number,
  best: 'most' | 'least',
): { ratio: number; rival: string } {
  const others = Object.entries(all).filter(([name]) => !isOurs(name));
  const rounds = (all[who] ?? []).map((visit, round) => {
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
  const perSecond = (load: string) => (visit: Visit) => visit.loads[load]?.perSecond ?? NaN;
  const p99 = (load: string) => (visit: Visit) => visit.loads[load]?.p99 ?? NaN;
  const against = (
    who: string,
    what: string,
    all: typeof tiny,
    figure: (visit: Visit) => number,
    limit: number,
    bound: Bound,
  ): void => {
    if (!all[who] || Object.keys(all).every(isOurs)) return;
    const { ratio: value, rival } = ratio(who, all, figure, bound === 'least' ? 'most' : 'least');
    goals.push(goal(`${what}, against the best rival (${rival})`, value, bound, limit));
  };
  for (const who of [oursName, copiesName]) {
    for (const load of ['JPEG, 8 at once', 'JPEG, 32 at once']) {
      const what = `ResNet50, ${load}${who === copiesName ? ', 2 copies' : ''}`;
      const shares = loadsOf(resnet50[who] ?? [], load).map((one, round) => one.perSecond / (limits[round] ?? NaN));
      if (shares.length > 0)
        goals.push(goal(`${what}, images/s against the best of onnxruntime-node alone`, median(shares), 'least', 0.92));
      against(who, `${what}, images/s`, resnet50, perSecond(load), 1.1, 'least');
      against(who, `${what}, p99`, resnet50, p99(load), 0.6, 'most');
    }
  }
  for (const [load, limit] of [
    ['JPEG, 32 at once', 2],
    ['tensor, 32 at once', 4],
  ] as const)
    against(oursName, `tiny model, ${load}, images/s`, tiny, perSecond(load), limit, 'least');
  for (const [image, { ours: own, openCv }] of Object.entries(results.decode))
    goals.push(
      goal(
        `JPEG of ${image} to input, against OpenCV`,
        median(own.map((value, at) => value / (openCv[at] ?? NaN))),
        'most',
        1.2,
      ),
    );
  const alone = loadsOf(resnet50[oursName] ?? [], 'JPEG, 1 at once').map(({ p99: slow }, round) => {
    const run = results.limit['1 2 1']?.[round]?.p99 ?? NaN;
    return slow - run - (results.decode['640 x 427']?.ours[round] ?? NaN);
  });
  goals.push(atMostTwo('p99 less the p99 of a run and a decode', alone));
  const besides = loadsOf(resnet50[oursName] ?? [], 'JPEG, 1 at once').flatMap(({ profile }) =>
    profile ? profile.request - profile.decode - profile.resize - profile.queue - profile.run : [],
  );
  goals.push(atMostTwo('what the server adds to them on average, by its metrics', besides));
  against(oursName, 'idle memory with ResNet50', resnet50, ({ idleMemory }) => idleMemory, 0.6, 'most');
  against(oursName, 'start to ready with ResNet50', resnet50, ({ startSeconds }) => startSeconds, 0.5, 'most');
  return goals;
}

function atMostTwo(what: string, milliseconds: readonly number[]): Target {
  const measured = median(milliseconds);
  return {
    what: `ResNet50, JPEG, 1 at once: ${what}, <= 2 ms`,
    measured: `${measured.toFixed(1)} ms`,
    met: measured <= 2,
  };
}

/** Whether the target is the least or the most that a figure may be. */
type Bound = 'least' | 'most';

function goal(what: string, value: number, bound: Bound, limit: number): Target {
  return {
    what: `${what}: ${bound === 'least' ? '>=' : '<='} ${limit}`,
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
      const row = `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${name}</text><rect x="${left}" y="${y}" width="${length}" height="${bar}" fill="${isOurs(name) ? '#2563eb' : '#94a3b8'}"/><text x="${left + length + 6}" y="${y + 13}">${value.toFixed(value < 100 ? 1 : 0)}</text>`;
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
