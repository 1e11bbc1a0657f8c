import type { GateResult, Verdict } from './gates';
import type { Traffic } from './traffic';

/** Type of the attachments that carry reports: what the tab "Guardian ML" asks the build for. */
export const reportType = 'guardian-mlops.report';

/** Begins the subject of a report on one change of traffic alone, which the tab draws and does not list. */
export const trafficSubject = 'Traffic of ';

/**
 * What one task has to say about one thing, for people: one attachment of the build each. The tab shows it, and the comment on a pull
 * request tells the same. docs/build-report.schema.json is made of the limits below.
 */
export interface BuildReport {
  readonly schemaVersion: 1;
  readonly task: 'SubmitTrainingJob' | 'RegisterModel' | 'DeployOnlineEndpoint' | 'Rollback';
  /** What it is about, the same from run to run: `Model nsfw-detector`. */
  readonly subject: string;
  /** What has become of it: `nsfw-detector:3 is registered`. */
  readonly headline: string;
  /** ISO 8601. */
  readonly recordedAt: string;
  readonly verdict?: Verdict;
  readonly facts?: readonly ReportFact[];
  /** Who the second value of each metric is of: `nsfw-detector:2`. */
  readonly champion?: string;
  readonly metrics?: readonly ReportMetric[];
  readonly gates?: readonly ReportGate[];
  readonly traffic?: ReportTraffic;
  readonly confusion?: Confusion;
  readonly links?: readonly ReportLink[];
  /** The release record, whole; left out when it is too large. */
  readonly record?: object;
}

export interface ReportFact {
  readonly name: string;
  readonly value: string;
}

export interface ReportMetric {
  readonly name: string;
  readonly value: number;
  readonly champion?: number;
  /** Step and value, in the order of the steps. */
  readonly history?: readonly (readonly [number, number])[];
}

export interface ReportGate {
  readonly gate: string;
  readonly verdict: Verdict;
  readonly why: string;
}

/** One change of an endpoint's live traffic. */
export interface ReportTraffic {
  readonly endpoint: string;
  readonly before: Traffic;
  readonly after: Traffic;
  readonly revision: number;
}

export interface ReportLink {
  readonly label: string;
  /** https only. */
  readonly url: string;
}

/** How often each right label (row) got each answer (column). */
export interface Confusion {
  readonly labels: readonly string[];
  readonly counts: readonly (readonly number[])[];
}

/** No report is larger than this, in UTF-8 bytes: the tab loads all of a build's. */
export const reportLimits = {
  bytes: 256 * 1024,
  recordBytes: 64 * 1024,
  text: 1000,
  facts: 40,
  metrics: 40,
  points: 200,
  gates: 50,
  labels: 30,
  links: 10,
} as const;

export function reportGates(results: readonly GateResult[]): ReportGate[] {
  return results.map(({ gate, verdict, explanation }) => ({ gate: gate.text, verdict, why: explanation }));
}

/** A link, unless its address is missing, is not of the web, or carries a signature, which is a key. */
export function reportLink(label: string, url: string | undefined): ReportLink[] {
  return url !== undefined && /^https:\/\//i.test(url) && !/[?&](sig|sv|token)=/i.test(url) ? [{ label, url }] : [];
}

/** The report within `reportLimits`: the first of each list, curves thinned evenly, NaN and the infinities left out. */
export function bounded(report: BuildReport): BuildReport {
  const { facts, metrics, gates, confusion, links, record, ...rest } = report;
  const limits = reportLimits;
  return {
    ...rest,
    subject: short(rest.subject),
    headline: short(rest.headline),
    ...(facts && {
      facts: facts.slice(0, limits.facts).map(({ name, value }) => ({ name: short(name), value: short(value) })),
    }),
    ...(metrics && {
      metrics: metrics
        .filter(({ value }) => Number.isFinite(value))
        .slice(0, limits.metrics)
        .map(boundedMetric),
    }),
    ...(gates && {
      gates: gates
        .slice(0, limits.gates)
        .map(({ gate, verdict, why }) => ({ gate: short(gate), verdict, why: short(why) })),
    }),
    ...(confusion && confusion.labels.length <= limits.labels && { confusion }),
    ...(links && { links: links.slice(0, limits.links) }),
    ...(record && JSON.stringify(record).length <= limits.recordBytes && { record }),
  };
}

function boundedMetric({ name, value, champion, history }: ReportMetric): ReportMetric {
  return {
    name: short(name),
    value,
    ...(champion !== undefined && Number.isFinite(champion) ? { champion } : {}),
    ...(history && history.length > 1 ? { history: thinned(history) } : {}),
  };
}

/** First and last stay, and what is between is taken at even distances. */
function thinned(points: NonNullable<ReportMetric['history']>): NonNullable<ReportMetric['history']> {
  const finite = points.filter(([, value]) => Number.isFinite(value));
  const most = reportLimits.points;
  if (finite.length <= most) return finite;
  return Array.from({ length: most }, (_, at) => finite[Math.round((at * (finite.length - 1)) / (most - 1))]).filter(
    point => point !== undefined,
  );
}

function short(text: string): string {
  return text.length <= reportLimits.text ? text : `${text.slice(0, reportLimits.text - 1)}…`;
}
