import { trafficSubject, type BuildReport, type ReportMetric, type ReportTraffic } from '../lib/release/build-report';
import type { LoadedReports } from './attachments';
import { confusionTable, curve, dataTable, shown, trafficChart } from './charts';
import { element } from './element';

const words = { pass: 'Passed', fail: 'Failed', inconclusive: 'Inconclusive' } as const;

/** What is shown for a build: the traffic of each endpoint over its rollout, then every report. */
export function reportsView({ reports, problems }: LoadedReports): Node {
  const view = document.createDocumentFragment();
  view.append(element('h1', {}, 'Guardian ML'));
  for (const problem of problems) view.append(element('p', { class: 'problem', role: 'alert' }, problem));
  if (reports.length === 0 && problems.length === 0) {
    view.append(
      element('p', { role: 'status', class: 'empty' }, 'No task of Guardian ML has reported in this run yet.'),
      element(
        'p',
        {},
        'Training, registration, deployment and rollback show their results here as soon as each is done.',
      ),
    );
    return view;
  }
  // A task says each change of traffic by itself, for the picture only.
  const own = reports.filter(({ subject }) => !subject.startsWith(trafficSubject));
  view.append(overview(own));
  for (const [endpoint, changes] of trafficByEndpoint(reports)) {
    const title = element('h2', {}, `Live traffic of ${endpoint}`);
    view.append(element('section', {}, title, trafficChart(changes)));
  }
  // What came last is what most people come for.
  for (const report of own.toReversed()) view.append(safely(report, () => reportView(report)));
  return view;
}

/** The page when there is nothing to show for a reason that may pass. */
export function failureView(error: unknown, retry: () => void): Node {
  const button = element('button', { type: 'button', id: 'retry' }, 'Try again');
  button.addEventListener('click', retry);
  return element(
    'section',
    {},
    element('h1', {}, 'Guardian ML'),
    element(
      'p',
      { class: 'problem', role: 'alert' },
      `The reports of this run could not be loaded. ${error instanceof Error ? error.message : String(error)}`,
    ),
    button,
  );
}

function overview(reports: readonly BuildReport[]): Node {
  const items = reports.map((report, at) =>
    element(
      'li',
      {},
      badge(report),
      element('a', { href: `#${idOf(report)}`, id: `to-${at}` }, report.subject),
      ` ${report.headline}`,
    ),
  );
  return element('nav', { 'aria-label': 'Reports of this run' }, element('ul', { class: 'overview' }, ...items));
}

function badge({ verdict }: BuildReport): HTMLElement {
  return verdict === undefined
    ? element('span', { class: 'badge' }, 'Done')
    : element('span', { class: `badge ${verdict}` }, words[verdict]);
}

function reportView(report: BuildReport): HTMLElement {
  const { subject, headline, facts = [], champion, metrics = [], gates = [], confusion, links = [], record } = report;
  const id = idOf(report);
  const section = element('section', { id, 'aria-labelledby': `${id}-title`, tabindex: '-1' });
  const when = element('time', { datetime: report.recordedAt }, new Date(report.recordedAt).toLocaleString());
  section.append(
    element('h2', { id: `${id}-title` }, subject, ' ', badge(report)),
    element('p', { class: 'headline' }, headline, element('span', { class: 'by' }, ` ${report.task}, `, when)),
  );
  const curves = metrics.filter(({ history }) => (history?.length ?? 0) > 1);
  if (curves.length > 0) section.append(element('div', { class: 'curves' }, ...curves.map(curve)));
  const blocks = element('div', { class: 'blocks' });
  if (gates.length > 0) {
    const rows = gates.map(one => [
      one.gate,
      element('span', { class: `badge ${one.verdict}` }, words[one.verdict]),
      one.why,
    ]);
    blocks.append(dataTable(['Gate', 'Verdict', 'Why'], rows, 'Gates'));
  }
  if (confusion) blocks.append(confusionTable(confusion));
  for (const part of inColumns(metrics)) blocks.append(metricTable(part, champion));
  if (facts.length > 0) {
    const list = facts.flatMap(({ name, value }) => [element('dt', {}, name), element('dd', {}, value)]);
    blocks.append(element('dl', {}, ...list));
  }
  section.append(blocks);
  const safe = links.filter(({ url }) => /^https:\/\//i.test(url));
  if (safe.length > 0) {
    const items = safe.map(({ label, url }) =>
      element(
        'li',
        {},
        element('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, `${label} (opens in a new tab)`),
      ),
    );
    section.append(element('ul', { class: 'links' }, ...items));
  }
  if (record) {
    const text = element('pre', { tabindex: '0' }, JSON.stringify(record, null, 2));
    section.append(element('details', { id: `${id}-record` }, element('summary', {}, 'Release record'), text));
  }
  return section;
}

/** A long table leaves most of a wide page empty: two or three of them side by side do not. */
function inColumns(metrics: readonly ReportMetric[]): ReportMetric[][] {
  const rows = Math.max(6, Math.ceil(metrics.length / 3));
  const parts = Math.ceil(metrics.length / rows);
  return Array.from({ length: parts }, (_, at) => metrics.slice(at * rows, (at + 1) * rows));
}

function metricTable(metrics: readonly ReportMetric[], champion: string | undefined): HTMLElement {
  if (champion === undefined) {
    return dataTable(
      ['Metric', 'Value'],
      metrics.map(({ name, value }) => [name, shown(value)]),
      'Metrics',
    );
  }
  const rows = metrics.map(({ name, value, champion: other }) => [
    name,
    shown(value),
    other === undefined ? '' : shown(other),
    other === undefined ? '' : signed(value - other),
  ]);
  return dataTable(
    ['Metric', 'Candidate', 'Champion', 'Difference'],
    rows,
    `Metrics, against the champion ${champion}`,
  );
}

function signed(by: number): string {
  return by > 0 ? `+${shown(by)}` : shown(by);
}

/** The changes of each endpoint in their order; a change that two reports tell of is one. */
function trafficByEndpoint(reports: readonly BuildReport[]): Map<string, ReportTraffic[]> {
  const all = new Map<string, Map<number, ReportTraffic>>();
  for (const { traffic } of reports) {
    if (!traffic) continue;
    const known = all.get(traffic.endpoint) ?? new Map<number, ReportTraffic>();
    // The report at the end of a rollout spans all of it: the single change says what this revision was.
    if (!known.has(traffic.revision)) known.set(traffic.revision, traffic);
    all.set(traffic.endpoint, known);
  }
  return new Map(
    [...all].map(([endpoint, changes]) => [endpoint, [...changes.values()].sort((a, b) => a.revision - b.revision)]),
  );
}

/** One report that is not as it should be does not hide the others. */
function safely({ subject }: BuildReport, view: () => Node): Node {
  try {
    return view();
  } catch (error) {
    return element('p', { class: 'problem', role: 'alert' }, `${subject} cannot be shown: ${String(error)}`);
  }
}

function idOf({ task, subject }: BuildReport): string {
  return `report-${`${task}-${subject}`.replace(/[^A-Za-z0-9]+/g, '-')}`;
}
