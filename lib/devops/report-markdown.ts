import { markdownTable, markdownText } from '../host/markdown';
import type { BuildReport, ReportMetric } from '../release/build-report';
import { formatTraffic } from '../release/traffic';

const title = '# Guardian ML';
const marks = { pass: '✅', fail: '❌', inconclusive: '⚠️' } as const;
/** A comment may have 150,000 characters: this many sections of this length fit. */
const sectionLength = 14_000;

/** The comment with this report's section in the place of the one on the same subject, or behind the others. */
export function withSection(comment: string, subject: string, section: string): { text: string; isOpen: boolean } {
  const heading = `## ${markdownText(subject)}`;
  const [, ...known] = comment.split(/^(?=## )/m).map(part => part.trim());
  const text = `${heading}\n\n${section}`.trim();
  const isSame = (part: string): boolean => part.split('\n')[0]?.trim() === heading;
  const sections = known.some(isSame) ? known.map(part => (isSame(part) ? text : part)) : [...known, text];
  // A thread that is open can be made to hold up the merge by a branch policy, and only a verdict that is not good may do that.
  const isOpen = sections.some(part => /^(❌|⚠️) /m.test(part));
  return { text: [title, ...sections].join('\n\n'), isOpen };
}

/**
 * Markdown as comments of Azure Repos show it: tables, links and pictures by address; no HTML.
 * @param build the run that says so, with its address
 * @param pictures of curves, by metric
 */
export function reportSection(
  report: BuildReport,
  build: { readonly name: string; readonly url: string },
  pictures: Readonly<Record<string, string>>,
): string {
  const { verdict, headline, champion, facts = [], metrics = [], gates = [], traffic, confusion, links = [] } = report;
  const says = verdict ? `${marks[verdict]} **${verdict}**: ` : '';
  const against = champion === undefined ? '' : `, against the champion ${markdownText(champion)}`;
  const change = traffic && [
    ['before', formatTraffic(traffic.before)],
    ['now', `${formatTraffic(traffic.after)} (revision ${traffic.revision})`],
  ];
  const text = [
    `${says}${markdownText(headline)}${against} ([${markdownText(build.name)}](${build.url}))`,
    markdownTable(
      ['gate', 'verdict', 'why'],
      gates.map(({ gate, verdict: one, why }) => [gate, one, why]),
    ),
    metricTable(metrics, champion, pictures),
    change ? markdownTable([`live traffic of ${markdownText(traffic.endpoint)}`, ''], change) : '',
    confusion
      ? markdownTable(
          ['right label \\\\ answer', ...confusion.labels.map(markdownText)],
          confusion.labels.map((label, row) => [label, ...(confusion.counts[row] ?? []).map(String)]),
        )
      : '',
    facts.map(({ name, value }) => `- ${markdownText(name)}: ${markdownText(value)}`).join('\n'),
    links.map(({ label, url }) => `[${markdownText(label)}](${linkTarget(url)})`).join(' · '),
  ]
    .filter(Boolean)
    .join('\n\n');
  return text.length <= sectionLength ? text : `${text.slice(0, text.lastIndexOf('\n', sectionLength))}\n\n…`;
}

function metricTable(
  metrics: readonly ReportMetric[],
  champion: string | undefined,
  pictures: Readonly<Record<string, string>>,
): string {
  if (metrics.length === 0) return '';
  const hasPictures = metrics.some(({ name }) => pictures[name] !== undefined);
  const head = [
    'metric',
    'candidate',
    ...(champion === undefined ? [] : ['champion', 'difference']),
    ...(hasPictures ? ['over the steps'] : []),
  ];
  // A picture is Markdown of ours, which markdownTable would show as text.
  const rows = metrics.map(metric => {
    const picture = pictures[metric.name];
    const { name, value, champion: other } = metric;
    return [
      markdownText(name),
      shown(value),
      ...(champion === undefined ? [] : [other === undefined ? '' : shown(other), difference(value, other)]),
      ...(hasPictures ? [picture === undefined ? '' : `![${markdownText(name)}](${picture})`] : []),
    ].join(' | ');
  });
  return [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...rows.map(row => `| ${row} |`)].join('\n');
}

/** Spaces and parentheses would end a link. */
function linkTarget(url: string): string {
  return new URL(url).href.replaceAll('(', '%28').replaceAll(')', '%29');
}

function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function difference(value: number, champion: number | undefined): string {
  if (champion === undefined) return '';
  const by = Number((value - champion).toPrecision(4));
  return by > 0 ? `+${by}` : String(by);
}
