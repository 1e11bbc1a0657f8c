import { lineageOf, shortTags } from '../../lib/azureml/lineage';
import type { Model } from '../../lib/azureml/models';
import type { TaskHost } from '../../lib/host/task-host';
import { gateRecords } from '../../lib/release/gate-report';
import { verdictOf, type GateResult } from '../../lib/release/gates';
import type { Candidate } from './candidate';

/** The beginning of the record of a release: what was made of which commit. Later tasks add where it went. */
export function releaseRecord(
  model: Model,
  candidate: Candidate,
  gates: readonly GateResult[],
  shared: string | undefined,
  host: TaskHost,
): object {
  return {
    schemaVersion: 1,
    source: lineageOf(host),
    training: candidate.from && {
      job: candidate.from.job.name,
      experiment: candidate.from.job.experimentName,
      inputs: candidate.from.job.inputs,
      metrics: candidate.metrics,
    },
    model: { name: model.name, version: model.version, uri: model.uri, digest: candidate.digest, registryId: shared },
    ...(gates.length === 0
      ? {}
      : {
          verdict: verdictOf(gates),
          gates: gateRecords(gates),
        }),
    recordedAt: host.clock.now().toISOString(),
  };
}

/** Tags of a model version: digest, lineage, metrics, and the user's own. */
export function modelTags(
  candidate: Candidate,
  own: Readonly<Record<string, string>>,
  host: TaskHost,
): Record<string, string> {
  return shortTags({ ...metricTags(candidate), ...own, ...identityTags(candidate, host) });
}

/** What identifies a version, also kept as properties, which cannot be changed afterwards. */
export function identityTags(candidate: Candidate, host: TaskHost): Record<string, string> {
  const { build, commit } = lineageOf(host);
  return shortTags({
    'guardian.digest': candidate.digest,
    'guardian.job': candidate.from?.job.name,
    'guardian.build': build,
    'guardian.commit': commit,
  });
}

function metricTags({ metrics }: Candidate): Record<string, string> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`metric.${name}`, String(value)]));
}
