import { deploymentMetrics, type DeploymentMetrics } from '../../lib/azureml/endpoint-metrics';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { gateLine } from '../../lib/release/gate-report';
import { judge, verdictOf, type Gate, type GateResult, type Verdict } from '../../lib/release/gates';
import { goldenMetrics, type Judgement } from '../../lib/release/golden-metrics';
import type { GoldenResult } from './golden-set';

/** What a new deployment has to show before it gets more traffic. */
export interface Analysis {
  readonly gates: readonly Gate[];
  /** Requests that a step has to see before it is judged. */
  readonly minimumRequests: number;
  /** `pause` leaves the deployment on trial with the share that it has. */
  readonly onInconclusive: 'pause' | 'fail' | 'continue';
  /** Measures and tells, and never stops a rollout. */
  readonly dryRun: boolean;
}

/** What gates may ask for: of a golden set, of replayed requests, of both, and of the traffic of a step. */
export const goldenNames = ['accuracy', 'goldenErrors', 'goldenP95'] as const;
export const replayNames = ['replayErrors', 'replayP95'] as const;
export const agreementNames = ['agreement', 'agreementLow'] as const;
export const trafficNames = ['requests', 'errorRate', 'p50', 'p95', 'p99'] as const;

/** Whether it is judged before any traffic, by what the deployment is asked. */
export function isGolden(gate: Gate): boolean {
  return !isOneOf(trafficNames, gate);
}

export function isOneOf(names: readonly string[], { metric }: Gate): boolean {
  return names.includes(metric);
}

/** What a gate saw, of both sides; what could not be measured is left out. */
export interface Sample {
  /** `before traffic`, or the share at which it was taken, such as `25 %`. */
  readonly at: string;
  readonly candidate: Readonly<Record<string, number>>;
  readonly champion?: Readonly<Record<string, number>>;
}

export interface Judged {
  readonly gates: readonly GateResult[];
  /** Undefined when no gate asked. */
  readonly sample: Sample | undefined;
}

/** The numbers are there whether a gate asks for them or not. */
export interface JudgedGolden extends Judged {
  readonly sample: Sample;
}

/** Holds the answers to a golden set and to replayed requests against the gates that ask for them. */
export function judgeGolden({ gates }: Analysis, results: readonly GoldenResult[]): JudgedGolden {
  const hasChampion = results.some(({ champion }) => champion !== undefined);
  const candidate = goldenMetrics(judgements(results), hasChampion);
  const champion = hasChampion ? goldenMetrics(swapped(results), true) : undefined;
  return {
    gates: gates.filter(isGolden).map(gate =>
      champion === undefined && isOneOf(agreementNames, gate)
        ? {
            gate,
            verdict: 'pass',
            value: undefined,
            limit: undefined,
            explanation: 'there is no champion yet to agree with',
          }
        : judge(gate, candidate, champion && (champion[gate.metric] ?? NaN)),
    ),
    sample: { at: 'before traffic', candidate, ...(champion ? { champion } : {}) },
  };
}

/** Right label and answer of each case that has a label. */
export function labelled(results: readonly GoldenResult[]): { row: string; column: string | undefined }[] {
  return results.flatMap(({ label, candidate }) =>
    label === undefined ? [] : [{ row: label, column: candidate.label }],
  );
}

function judgements(results: readonly GoldenResult[]): Judgement[] {
  return results.map(({ label, candidate, champion }) => ({
    label,
    candidate: candidate.label,
    champion: champion?.label,
    milliseconds: candidate.milliseconds,
  }));
}

/** The champion's own answers in the candidate's place. */
function swapped(results: readonly GoldenResult[]): Judgement[] {
  return results.map(({ label, candidate, champion }) => ({
    label,
    candidate: champion?.label,
    champion: candidate.label,
    milliseconds: champion?.milliseconds ?? NaN,
  }));
}

/** Holds what Azure Monitor saw since a step began against the gates that ask for it. */
export async function judgeTraffic(
  workspace: Workspace,
  { gates, minimumRequests }: Analysis,
  {
    endpoint,
    candidate,
    champion,
    since,
    at,
  }: { endpoint: string; candidate: string; champion: string; since: Date; at: string },
  host: TaskHost,
): Promise<Judged> {
  const wanted = gates.filter(gate => !isGolden(gate));
  if (wanted.length === 0) return { gates: [], sample: undefined };
  const metricsOf = await deploymentMetrics(workspace, endpoint, { from: since, to: host.clock.now() });
  const [ours, theirs] = [metricsOf(candidate), metricsOf(champion)];
  host.info(`${candidate}: ${metricsText(ours)}; ${champion}: ${metricsText(theirs)}`);
  const results = wanted.map((gate): GateResult => {
    const result = judge(
      gate,
      { ...ours },
      theirs.requests > 0 ? { ...theirs }[gate.metric as keyof DeploymentMetrics] : NaN,
    );
    return ours.requests >= Math.max(1, minimumRequests) || gate.metric === 'requests'
      ? result
      : {
          ...result,
          verdict: 'inconclusive',
          explanation: `${Math.round(ours.requests)} requests reached ${candidate}, and ${Math.max(1, minimumRequests)} are needed to judge ${gate.metric}`,
        };
  });
  return { gates: results, sample: { at, candidate: measured(ours), champion: measured(theirs) } };
}

function measured(metrics: DeploymentMetrics): Record<string, number> {
  return Object.fromEntries(Object.entries({ ...metrics }).filter(([, value]) => Number.isFinite(value)));
}

function metricsText({ requests, errorRate, p95 }: DeploymentMetrics): string {
  if (requests === 0) return 'no requests';
  return `${Math.round(requests)} requests, ${(errorRate * 100).toFixed(1)} % errors${Number.isNaN(p95) ? '' : `, 95 % within ${Math.round(p95)} ms`}`;
}

/** Tells every gate, and what follows from all of them together. */
export function conclude(
  results: readonly GateResult[],
  { dryRun, onInconclusive }: Analysis,
  host: TaskHost,
): Verdict {
  for (const result of results) host.info(`${dryRun ? 'Dry run: ' : ''}${gateLine(result)}`);
  const verdict = verdictOf(results);
  if (dryRun || verdict === 'pass') return 'pass';
  if (verdict === 'fail' || onInconclusive === 'fail') return 'fail';
  return onInconclusive === 'continue' ? 'pass' : 'inconclusive';
}
