import { isDeepStrictEqual } from 'node:util';
import { controllerOf, controllerReference, omit, type ApiObject } from '../objects/api-object';
import { contentName } from '../objects/names';
import { resourceNamed } from '../objects/resources';
import type { ControllerContext } from './controller-context';
import { deploymentStatus } from './deployment-status';
import { nextStep, rollingLimits } from './rolling-update';
import type { Deployment, PodTemplate, ReplicaSet } from './workload-shapes';

const deployments = resourceNamed('deployments');
const replicaSets = resourceNamed('replicasets');

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const hashLabel = 'pod-template-hash';
const component = 'deployment-controller';

/** Rolls a Deployment's ReplicaSets towards its pod template, and keeps its status. */
export function reconcileDeployment(context: ControllerContext, namespace: string, name: string): number | undefined {
  const found = context.store.get(deployments, namespace, name) as Deployment | undefined;
  if (!found || found.metadata.deletionTimestamp) return undefined;
  const all = ownedReplicaSets(context, found);
  let current = all.find(one => sameTemplate(one.spec.template, found.spec.template));
  let made: ReplicaSet | undefined;
  if (found.spec.paused) {
    scaleOnly(context, found, current, all);
  } else if (current || mayStart(context, found, all)) {
    if (!current) current = made = createReplicaSet(context, found, all);
    else current = withLatestRevision(context, current, all);
    roll(
      context,
      found,
      current,
      all.filter(one => one.metadata.uid !== current?.metadata.uid),
    );
  } else {
    // Recreate: the old pods go first.
    for (const one of all) scale(context, found, one, 0);
  }
  return finish(context, namespace, name, current, made !== undefined);
}

function finish(
  context: ControllerContext,
  namespace: string,
  name: string,
  current: ReplicaSet | undefined,
  created: boolean,
): number | undefined {
  const { store, events } = context;
  const live = store.get(deployments, namespace, name) as Deployment;
  const { status, recheckMilliseconds } = deploymentStatus(live, current, ownedReplicaSets(context, live), created);
  const revision = current?.metadata.annotations?.[revisionAnnotation];
  const annotations = { ...live.metadata.annotations, ...(revision ? { [revisionAnnotation]: revision } : {}) };
  const changed: Deployment = {
    ...live,
    metadata: { ...live.metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    status,
  };
  if (!isDeepStrictEqual(live, changed)) {
    const timedOut = (one: Deployment): boolean =>
      one.status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded') ?? false;
    store.put(deployments, changed);
    if (timedOut(changed) && !timedOut(live)) {
      const message = `ReplicaSet "${current?.metadata.name ?? ''}" has timed out progressing.`;
      events.record(changed, 'Warning', 'ProgressDeadlineExceeded', message, component);
    }
  }
  if (status.conditions?.some(({ reason }) => reason === 'NewReplicaSetAvailable')) forgetOldRevisions(context, live);
  return recheckMilliseconds;
}

/** A Deployment's own ReplicaSets, oldest revision first. */
function ownedReplicaSets({ store }: ControllerContext, deployment: ApiObject): ReplicaSet[] {
  const { uid } = deployment.metadata;
  return store
    .ownedBy(uid)
    .map(({ object }) => object as ReplicaSet)
    .filter(one => one.kind === 'ReplicaSet' && controllerOf(one)?.uid === uid && !one.metadata.deletionTimestamp)
    .sort((a, b) => revisionOf(a) - revisionOf(b));
}

function revisionOf(object: ApiObject): number {
  return Number(object.metadata.annotations?.[revisionAnnotation] ?? 0);
}

function withoutHash({ metadata, spec }: PodTemplate): PodTemplate {
  return { metadata: { ...metadata, labels: omit(metadata?.labels ?? {}, hashLabel) }, spec };
}

function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return contentName(withoutHash(a)) === contentName(withoutHash(b));
}

/** With strategy Recreate the new pods wait until every old one is really gone, also those that are ending. */
function mayStart({ store }: ControllerContext, { spec }: Deployment, all: ReplicaSet[]): boolean {
  return spec.strategy.type !== 'Recreate' || all.every(one => store.ownedBy(one.metadata.uid).length === 0);
}

function createReplicaSet(context: ControllerContext, deployment: Deployment, all: ReplicaSet[]): ReplicaSet {
  const { metadata, spec } = deployment;
  const hash = contentName(withoutHash(spec.template));
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  return context.registry.create(
    replicaSets,
    metadata.namespace,
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${metadata.name}-${hash}`,
        labels,
        annotations: { ...copiedAnnotations(deployment), [revisionAnnotation]: String(nextRevision(all)) },
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas: 0,
        selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
        ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      },
    } as unknown as ApiObject,
    { writer: { manager: 'kube-controller-manager', operation: 'Update' }, dryRun: false },
  ) as ReplicaSet;
}

/** A ReplicaSet that is taken up again (undo) becomes the newest revision. */
function withLatestRevision({ store }: ControllerContext, current: ReplicaSet, all: ReplicaSet[]): ReplicaSet {
  const others = all.filter(one => one.metadata.uid !== current.metadata.uid);
  if (others.every(one => revisionOf(one) < revisionOf(current))) return current;
  const annotations = { ...current.metadata.annotations, [revisionAnnotation]: String(nextRevision(others)) };
  return store.put(replicaSets, { ...current, metadata: { ...current.metadata, annotations } }) as ReplicaSet;
}

function nextRevision(all: ReplicaSet[]): number {
  return Math.max(0, ...all.map(revisionOf)) + 1;
}

/** What a revision keeps of the Deployment's annotations: `kubernetes.io/change-cause` and the like, not kubectl's own record. */
function copiedAnnotations({ metadata }: Deployment): Record<string, string> {
  const notCopied = new Set(['kubectl.kubernetes.io/last-applied-configuration', revisionAnnotation]);
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([name]) => !notCopied.has(name)));
}

function roll(context: ControllerContext, deployment: Deployment, current: ReplicaSet, old: ReplicaSet[]): void {
  const { spec } = deployment;
  if (spec.strategy.type === 'Recreate') {
    for (const one of old) scale(context, deployment, one, 0);
    scale(context, deployment, current, spec.replicas);
    return;
  }
  const countsOf = (one: ReplicaSet) => ({ wanted: one.spec.replicas, available: one.status?.availableReplicas ?? 0 });
  const step = nextStep(spec.replicas, rollingLimits(spec), countsOf(current), old.map(countsOf));
  scale(context, deployment, current, step.current);
  for (const [index, one] of old.entries()) scale(context, deployment, one, step.old[index] ?? one.spec.replicas);
}

/** A paused Deployment changes its size, but not its content. */
function scaleOnly(
  context: ControllerContext,
  deployment: Deployment,
  current: ReplicaSet | undefined,
  all: ReplicaSet[],
): void {
  const running = current ?? all.at(-1);
  if (running) scale(context, deployment, running, deployment.spec.replicas);
}

function scale(context: ControllerContext, deployment: Deployment, replicaSet: ReplicaSet, replicas: number): void {
  const { namespace, name } = replicaSet.metadata;
  const live = context.store.get(replicaSets, namespace, name) as ReplicaSet | undefined;
  if (!live || live.spec.replicas === replicas) return;
  const direction = replicas > live.spec.replicas ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${name} from ${live.spec.replicas} to ${replicas}`;
  context.store.put(replicaSets, {
    ...live,
    metadata: { ...live.metadata, generation: (live.metadata.generation ?? 0) + 1 },
    spec: { ...live.spec, replicas },
  });
  context.events.record(deployment, 'Normal', 'ScalingReplicaSet', message, component);
}

/** Keeps as many old revisions as asked for. */
function forgetOldRevisions(context: ControllerContext, deployment: Deployment): void {
  const idle = ownedReplicaSets(context, deployment).filter(
    one =>
      one.spec.replicas === 0 &&
      (one.status?.replicas ?? 0) === 0 &&
      !sameTemplate(one.spec.template, deployment.spec.template),
  );
  const excess = idle.length - deployment.spec.revisionHistoryLimit;
  for (const one of excess > 0 ? idle.slice(0, excess) : []) {
    context.store.remove(replicaSets, one.metadata.namespace, one.metadata.name);
  }
}
