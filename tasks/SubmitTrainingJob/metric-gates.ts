import { bestOfOthers, metricHistory, type JobMetrics } from '../../lib/azureml/metrics';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { gateLine, openGates } from '../../lib/release/gate-report';
import { judge, prefersMore, verdictOf, type Gate, type GateResult } from '../../lib/release/gates';
import { TaskError } from '../../lib/task-error';

export interface GateOptions {
  readonly gates: readonly Gate[];
  /** How many values of a metric there must be for its last one to count. */
  readonly minimumSteps: number;
  readonly onInconclusive: 'fail' | 'warn';
}

/** Holds the job's metrics against the gates, and the earlier jobs of its experiment where a gate says `best`. */
export async function judgeMetrics(
  workspace: Workspace,
  run: string,
  metrics: JobMetrics,
  { gates, minimumSteps }: GateOptions,
): Promise<GateResult[]> {
  const results: GateResult[] = [];
  for (const gate of gates) {
    const best =
      gate.limit.kind === 'best' && metrics.experimentId !== undefined
        ? await bestOfOthers(workspace, metrics.experimentId, run, gate.metric, prefersMore(gate))
        : undefined;
    const result = judge(gate, metrics.last, best);
    results.push(await withSteps(result, workspace, run, minimumSteps));
  }
  return results;
}

async function withSteps(
  result: GateResult,
  workspace: Workspace,
  run: string,
  minimumSteps: number,
): Promise<GateResult> {
  if (minimumSteps <= 1 || result.verdict === 'inconclusive') return result;
  const { length } = await metricHistory(workspace, run, result.gate.metric);
  if (length >= minimumSteps) return result;
  return {
    ...result,
    verdict: 'inconclusive',
    explanation: `${result.gate.metric} was logged ${length} ${length === 1 ? 'time' : 'times'}, and minimumSteps is ${minimumSteps}`,
  };
}

/** Says how each gate went. @throws TaskError when one failed, or is in doubt and doubt fails */
export function enforce(
  results: readonly GateResult[],
  { onInconclusive }: GateOptions,
  job: string,
  host: TaskHost,
): void {
  if (results.length === 0) return;
  for (const result of results) host.info(gateLine(result));
  const verdict = verdictOf(results);
  host.setOutput('verdict', verdict);
  if (verdict === 'pass') return;
  const list = openGates(results);
  if (verdict === 'inconclusive' && onInconclusive === 'warn') {
    host.warn(`Not all metrics of job ${job} could be judged:\n${list}`);
    return;
  }
  throw new TaskError(
    verdict === 'fail'
      ? `Job ${job} completed, but its metrics do not meet metricGates:\n${list}\nThe job and its outputs are kept. Improve the training, or change the gate.`
      : `Job ${job} completed, but its metrics cannot be judged by metricGates:\n${list}\nLog the metrics with MLflow under these names, or set onInconclusive to warn.`,
    { code: 'GuardianGateFailed' },
  );
}
