/** The tags in which a release is kept on Azure, so that a later run or a rollback needs nothing but Azure. */
export const tag = {
  /** On endpoints and deployments that we made. What does not carry it is somebody else's and is never removed. */
  owner: 'guardian.owner',
  /** On deployments: champion, challenger or previous. */
  role: 'guardian.role',
  /** On deployments: `name:version` of the model. */
  model: 'guardian.model',
  /** On deployments and models: sha256 of the model's files. */
  digest: 'guardian.digest',
  /** On endpoints: number of the latest change of live traffic. On deployments: the revision that they entered with. */
  revision: 'guardian.revision',
  /** On endpoints: what made the latest change (deploy, promote, abort, rollback), and in which pipeline run. On deployments: the run that made them. */
  change: 'guardian.change',
  changeBuild: 'guardian.change.build',
  /** On endpoints: until when a run means to watch what it has done, and which run. Empty or past: nobody does. */
  busy: 'guardian.busy',
  /** On models: the job that made it. */
  job: 'guardian.job',
  /** On models and deployments that a rollback took out of service, and on models that failed a gate: the reason. Empty means: no longer rejected. */
  rejected: 'guardian.rejected',
  /** On endpoints: why, from which traffic, to which revision and by whom the latest rollback went back. */
  rollbackReason: 'guardian.rollback.reason',
  rollbackFrom: 'guardian.rollback.from',
  rollbackTo: 'guardian.rollback.to',
  rollbackBy: 'guardian.rollback.by',
  /** On endpoints: when the latest drill was, in which run, and how many seconds the way back took. */
  drill: 'guardian.drill',
  /** On endpoints, `guardian.deployment.<name>`: what a deployment that took live traffic is made of. */
  deployment: 'guardian.deployment',
} as const;

export const owner = 'guardian-mlops';

export type Tags = Readonly<Record<string, string>>;

/** Azure's limit on a tag's value, in characters. */
export const tagValueLimit = 256;

/** Cuts a text to what a tag can hold; the last character then shows that something is missing. */
export function tagValue(text: string): string {
  return text.length <= tagValueLimit ? text : `${text.slice(0, tagValueLimit - 1)}…`;
}

const metric = 'metric.';

/** The metrics that a model version was registered with. */
export function metricsInTags(tags: Tags): Record<string, number> {
  return Object.fromEntries(
    Object.entries(tags).flatMap(([name, value]) =>
      name.startsWith(metric) ? [[name.slice(metric.length), Number(value)] as const] : [],
    ),
  );
}
