import { publishAndComment } from '../../lib/devops/comment-report';
import { publishReport } from '../../lib/devops/publish-report';
import type { TaskHost } from '../../lib/host/task-host';
import { reportGates, trafficSubject, type ReportFact, type ReportTraffic } from '../../lib/release/build-report';
import { verdictOf } from '../../lib/release/gates';
import { confusion } from '../../lib/release/golden-metrics';
import { tag } from '../../lib/release/tags';
import { formatTraffic, liveTraffic, shareOf } from '../../lib/release/traffic';
import { agreementNames, labelled, type JudgedGolden } from './analysis';
import type { GoldenResult } from './golden-set';
import type { Target } from './inputs';
import type { Release } from './release-report';
import type { RollOutStep } from './roll-out';

/** For the tab and the pull request: who answers now, and who did before. */
export async function reportRelease(
  release: Release,
  record: object,
  inputs: Pick<Target, 'pullRequestComment'>,
  host: TaskHost,
): Promise<void> {
  const { action, endpoint, deployment, deployments, model, before, revision } = release;
  const after = liveTraffic(endpoint.traffic);
  const done = { deploy: 'is deployed to', promote: 'is promoted on', abort: 'is taken back from' }[action];
  const facts: ReportFact[] = deployments.map(({ name, tags, instanceCount }) => ({
    name,
    value: `${tags[tag.model] ?? 'unknown model'}, ${tags[tag.role] ?? 'not ours'}, ${instanceCount} instances, ${shareOf(after, name)} %`,
  }));
  await publishAndComment(
    {
      task: 'DeployOnlineEndpoint',
      subject: `Endpoint ${endpoint.name}`,
      headline: `${deployment} (${model ?? 'unknown model'}) ${done} ${endpoint.name}, revision ${revision}`,
      facts: [...facts, ...(endpoint.scoringUri ? [{ name: 'scoring URI', value: endpoint.scoringUri }] : [])],
      traffic: { endpoint: endpoint.name, before, after, revision },
      record,
    },
    inputs,
    host,
  );
}

/** For the tab and the pull request: what the new deployment answers to cases whose label is known, and the champion. */
export async function reportGoldenSet(
  names: { readonly endpoint: string; readonly candidate: string; readonly champion: string | undefined },
  results: readonly GoldenResult[],
  { gates, sample }: JudgedGolden,
  inputs: Pick<Target, 'pullRequestComment'>,
  host: TaskHost,
): Promise<void> {
  // That they agree is one number of both.
  const theirs = (name: string): number | undefined =>
    (agreementNames as readonly string[]).includes(name) ? undefined : sample.champion?.[name];
  const pairs = labelled(results);
  await publishAndComment(
    {
      task: 'DeployOnlineEndpoint',
      subject: `Golden set of ${names.endpoint}`,
      headline: `${names.candidate} answered ${results.length} cases`,
      ...(gates.length > 0 ? { verdict: verdictOf(gates) } : {}),
      ...(names.champion === undefined ? {} : { champion: names.champion }),
      metrics: Object.entries(sample.candidate).map(([name, value]) => {
        const champion = theirs(name);
        return { name, value, ...(champion === undefined ? {} : { champion }) };
      }),
      gates: reportGates(gates),
      ...(pairs.length > 0 ? { confusion: confusion(pairs) } : {}),
    },
    inputs,
    host,
  );
}

/** For the tab and the pull request: the gates of each step of a rollout, also of the one that it failed at. */
export async function reportSteps(
  names: { readonly endpoint: string; readonly candidate: string },
  steps: readonly RollOutStep[],
  inputs: Pick<Target, 'pullRequestComment'>,
  host: TaskHost,
): Promise<void> {
  const gates = steps.flatMap(step => step.gates);
  if (gates.length === 0) return;
  const shares = steps.map(({ percent }) => `${percent} %`).join(', ');
  await publishAndComment(
    {
      task: 'DeployOnlineEndpoint',
      subject: `Rollout on ${names.endpoint}`,
      headline: `${names.candidate} was judged at ${shares} of the traffic`,
      verdict: verdictOf(gates),
      gates: steps.flatMap(({ percent, gates: own }) =>
        reportGates(own).map(one => ({ ...one, gate: `${percent} %: ${one.gate}` })),
      ),
    },
    inputs,
    host,
  );
}

/** For the tab, which draws the traffic over the rollout from these: one change, told as soon as it is made. */
export async function reportMove(traffic: ReportTraffic, host: TaskHost): Promise<void> {
  await publishReport(
    {
      task: 'DeployOnlineEndpoint',
      subject: `${trafficSubject}${traffic.endpoint} at revision ${traffic.revision}`,
      headline: `Live traffic is ${formatTraffic(traffic.after)}`,
      traffic,
    },
    host,
  );
}
