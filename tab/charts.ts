import type { Confusion, ReportMetric, ReportTraffic } from '../lib/release/build-report';
import { element, svg } from './element';

/** Enough digits to tell two values apart, and no more. */
export function shown(value: number): string {
  const rounded = Number(value.toPrecision(4));
  return rounded !== 0 && Math.abs(rounded) < 0.001 ? value.toExponential(2) : String(rounded);
}

const curveSize = { width: 280, height: 120, left: 56, right: 10, top: 10, bottom: 20 };

/** A metric over its steps, with the champion's value as a dashed line. */
export function curve({ name, value, champion, history = [] }: ReportMetric): HTMLElement {
  const { width, height, left, right, top, bottom } = curveSize;
  const values = history.map(([, one]) => one);
  const steps = history.map(([step]) => step);
  const all = champion === undefined ? values : [...values, champion];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const x = (step: number): number => left + share(step, first, last) * (width - left - right);
  const y = (one: number): number => height - bottom - share(one, least, most) * (height - top - bottom);
  const points = history.map(([step, one]) => `${x(step).toFixed(1)},${y(one).toFixed(1)}`).join(' ');
  const [endStep, endValue] = history.at(-1) ?? [0, value];
  const label = `${name} over ${history.length} steps, from ${shown(values[0] ?? value)} to ${shown(endValue)}, lowest ${shown(Math.min(...values))}, highest ${shown(Math.max(...values))}${champion === undefined ? '' : `; the champion has ${shown(champion)}`}`;
  const text = (at: number, to: number, anchor: string, content: string): SVGElement =>
    svg('text', { x: at, y: to, 'text-anchor': anchor, class: 'axis' }, content);
  const picture = svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label, class: 'curve' },
    ...[least, most].map(one => svg('line', { x1: left, x2: width - right, y1: y(one), y2: y(one), class: 'grid' })),
    text(left - 6, y(most) + 4, 'end', shown(most)),
    text(left - 6, y(least) + 4, 'end', least === most ? '' : shown(least)),
    text(left, height - 4, 'start', String(first)),
    text(width - right, height - 4, 'end', `step ${last}`),
    ...(champion === undefined
      ? []
      : [svg('line', { x1: left, x2: width - right, y1: y(champion), y2: y(champion), class: 'champion' })]),
    svg('polyline', { points, class: 'line' }),
    svg('circle', { cx: x(endStep), cy: y(endValue), r: 3, class: 'end' }),
  );
  return element(
    'figure',
    { class: 'card' },
    element('figcaption', {}, element('span', {}, name), element('strong', {}, shown(value))),
    picture,
  );
}

function share(at: number, from: number, to: number): number {
  return to === from ? 0.5 : (at - from) / (to - from);
}

const barSize = { width: 72, gap: 14, height: 150, top: 8, bottom: 34 };

/** Who answered an endpoint's callers, change by change; the same in words is in the table below it. */
export function trafficChart(changes: readonly ReportTraffic[]): HTMLElement {
  const { width, gap, height, top, bottom } = barSize;
  const [start] = changes;
  const columns = [
    ...(start && Object.keys(start.before).length > 0 ? [{ label: 'before', shares: start.before }] : []),
    ...changes.map(({ revision, after }) => ({ label: `revision ${revision}`, shares: after })),
  ];
  const names = [...new Set(columns.flatMap(({ shares }) => Object.keys(shares)))];
  const full = height - top - bottom;
  const bars = columns.flatMap(({ label, shares }, at) => {
    const x = gap + at * (width + gap);
    let y = height - bottom;
    const parts = names.flatMap((name, order) => {
      const percent = shares[name] ?? 0;
      if (percent <= 0) return [];
      const tall = (percent / 100) * full;
      y -= tall;
      const bar = svg('rect', { x, y, width, height: Math.max(1, tall - 1), rx: 2, class: `series-${order % 6}` });
      return tall < 16
        ? [bar]
        : [
            bar,
            svg(
              'text',
              { x: x + width / 2, y: y + tall / 2 + 4, 'text-anchor': 'middle', class: 'on-bar' },
              `${percent} %`,
            ),
          ];
    });
    return [
      ...parts,
      svg('text', { x: x + width / 2, y: height - bottom + 18, 'text-anchor': 'middle', class: 'axis' }, label),
    ];
  });
  const wide = gap + columns.length * (width + gap);
  const legend = names.map((name, order) =>
    element('li', {}, element('span', { class: `swatch series-${order % 6}`, 'aria-hidden': 'true' }), name),
  );
  const table = dataTable(
    ['', ...names],
    columns.map(({ label, shares }) => [label, ...names.map(name => `${shares[name] ?? 0} %`)]),
    `Live traffic of ${start?.endpoint ?? ''}`,
  );
  const bar = svg(
    'svg',
    {
      viewBox: `0 0 ${wide} ${height}`,
      width: wide,
      height,
      role: 'img',
      'aria-label': `Live traffic of ${start?.endpoint ?? ''} in ${columns.length} states; the table says the same`,
    },
    ...bars,
  );
  const picture = scrollable(`Bars of the live traffic of ${start?.endpoint ?? ''}`, bar);
  return element(
    'div',
    { class: 'blocks' },
    element('div', {}, picture, element('ul', { class: 'legend' }, ...legend)),
    table,
  );
}

/** Rows are the right labels, columns the answers; the darker, the more. */
export function confusionTable({ labels, counts }: Confusion): HTMLElement {
  const head = element(
    'tr',
    {},
    element('th', { scope: 'col' }, 'right label'),
    ...labels.map(label => element('th', { scope: 'col', class: 'number' }, `answer ${label}`)),
  );
  const rows = labels.map((label, row) => {
    const own = counts[row] ?? [];
    const sum = own.reduce((total, count) => total + count, 0);
    const cells = labels.map((_, column) => {
      const count = own[column] ?? 0;
      const kind = count === 0 ? '' : row === column ? 'right' : 'wrong';
      const strength = sum === 0 ? 0 : Math.ceil((count / sum) * 4);
      return element('td', { class: `number ${kind}`, 'data-strength': String(strength) }, String(count));
    });
    return element('tr', {}, element('th', { scope: 'row' }, label), ...cells);
  });
  const caption = element('caption', {}, 'Confusion matrix of the golden set');
  const table = element(
    'table',
    { class: 'confusion' },
    caption,
    element('thead', {}, head),
    element('tbody', {}, ...rows),
  );
  return scrollable('Confusion matrix', table);
}

/** A table whose first column names its rows. */
export function dataTable(
  head: readonly string[],
  rows: readonly (readonly (string | Node)[])[],
  caption: string,
): HTMLElement {
  const cell = (content: string | Node, at: number): HTMLElement =>
    at === 0
      ? element('th', { scope: 'row' }, content)
      : element('td', typeof content === 'string' && /^[-+\d]/.test(content) ? { class: 'number' } : {}, content);
  const columns = head.map((name, at) => {
    const isNumber =
      at > 0 && rows.length > 0 && rows.every(row => typeof row[at] === 'string' && /^([-+\d]|$)/.test(row[at]));
    return name === ''
      ? element('td')
      : element('th', { scope: 'col', ...(isNumber ? { class: 'number' } : {}) }, name);
  });
  const table = element(
    'table',
    {},
    element('caption', {}, caption),
    element('thead', {}, element('tr', {}, ...columns)),
    element('tbody', {}, ...rows.map(row => element('tr', {}, ...row.map(cell)))),
  );
  return scrollable(caption, table);
}

/** What is too wide for the page scrolls by itself, with the keyboard, too. */
function scrollable(name: string, content: Node): HTMLElement {
  return element('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': name }, content);
}
