import { existingEndpoint } from '../../lib/azureml/online-endpoints';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { openGates } from '../../lib/release/gate-report';
import { TaskError } from '../../lib/task-error';
import { conclude, judgeGolden, type Judged } from './analysis';
import { goldenSummary, mismatches } from './analysis-report';
import { reportGoldenSet } from './deploy-report';
import { askGoldenSet, type GoldenCase } from './golden-set';
import type { DeployInputs } from './inputs';

export interface GoldenTest extends Judged {
  readonly verdict: 'pass' | 'inconclusive';
}

/**
 * Asks the new deployment and the champion the golden set and the replayed requests before anybody's traffic reaches the new one, and publishes
 * where it is wrong. @throws TaskError when a gate fails
 */
export async function testGoldenSet(
  workspace: Workspace,
  endpointName: string,
  cases: readonly GoldenCase[],
  candidate: string,
  champion: string | undefined,
  inputs: DeployInputs,
  host: TaskHost,
): Promise<GoldenTest> {
  host.progress(77, `Asking ${cases.length} cases`);
  const endpoint = await existingEndpoint(workspace, endpointName);
  const rival = champion === candidate ? undefined : champion;
  const results = await askGoldenSet(workspace, endpoint, cases, candidate, rival, host);
  const { analysis } = inputs.rollout;
  const judged = judgeGolden(analysis, results);
  const { gates } = judged;
  await host.summary(`Golden set: ${candidate} on ${endpointName}`, goldenSummary(results, judged));
  await host.publishArtifact(
    `golden-set-${endpointName}-${candidate}`,
    'mismatches.json',
    `${JSON.stringify(mismatches(results), null, 2)}\n`,
  );
  await reportGoldenSet({ endpoint: endpointName, candidate, champion: rival }, results, judged, inputs, host);
  const verdict = conclude(gates, analysis, host);
  if (verdict === 'fail')
    throw new TaskError(`${candidate} does not pass the golden set of ${cases.length} cases:\n${openGates(gates)}`, {
      code: 'GuardianGateFailed',
    });
  return { verdict, ...judged };
}
