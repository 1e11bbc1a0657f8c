import { controllerOf, controllerReference, type ApiObject } from '../objects/api-object';
import { contentName } from '../objects/names';
import { resourceNamed } from '../objects/resources';
import type { ControllerContext } from './controller-context';
import type { DaemonSet, PodTemplate, StatefulSet } from './workload-shapes';

const resource = resourceNamed('controllerrevisions');

/** On pods and revisions: which revision of its StatefulSet (its name) or DaemonSet (its hash) a pod was made from. */
export const revisionLabel = 'controller-revision-hash';

/** One kept pod template of a StatefulSet or DaemonSet: `kubectl rollout history` and `undo` read it. */
export interface ControllerRevision extends ApiObject {
  /** A strategic merge patch that brings the template back. */
  data: { spec: { template: PodTemplate & { $patch: 'replace' } } };
  revision: number;
}

/** All revisions of a workload, oldest first. */
export function revisionsOf({ store }: ControllerContext, owner: ApiObject): ControllerRevision[] {
  const { uid } = owner.metadata;
  return store
    .ownedBy(uid)
    .map(({ object }) => object as ControllerRevision)
    .filter(one => one.kind === 'ControllerRevision' && controllerOf(one)?.uid === uid)
    .sort((a, b) => a.revision - b.revision);
}

/** The revision of the workload's present template: the one that has it already becomes the newest, else it is made. */
export function updateRevision(context: ControllerContext, owner: StatefulSet | DaemonSet): ControllerRevision {
  const { store, registry } = context;
  const { namespace, name } = owner.metadata;
  const all = revisionsOf(context, owner);
  const newest = all.at(-1);
  const hash = contentName(owner.spec.template);
  const known = all.find(one => one.metadata.labels?.[revisionLabel] === hash);
  if (known) {
    if (known === newest) return known;
    return store.put(resource, { ...known, revision: (newest?.revision ?? 0) + 1 }) as ControllerRevision;
  }
  const labels = { ...owner.spec.template.metadata?.labels, [revisionLabel]: hash };
  return registry.create(
    resource,
    namespace,
    {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: `${name}-${hash}`, labels, ownerReferences: [controllerReference(owner)] },
      data: { spec: { template: { ...owner.spec.template, $patch: 'replace' } } },
      revision: (newest?.revision ?? 0) + 1,
    } as unknown as ApiObject,
    { writer: { manager: 'kube-controller-manager', operation: 'Update' }, dryRun: false },
  ) as ControllerRevision;
}

/** The pod template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplate {
  const { metadata, spec } = data.spec.template;
  return { ...(metadata ? { metadata } : {}), spec };
}

/** Keeps as many old revisions as asked for, besides those that are in use. */
export function forgetOldRevisions(
  context: ControllerContext,
  owner: StatefulSet | DaemonSet,
  isInUse: (revision: ControllerRevision) => boolean,
): void {
  const idle = revisionsOf(context, owner).filter(one => !isInUse(one));
  const excess = idle.length - owner.spec.revisionHistoryLimit;
  for (const one of excess > 0 ? idle.slice(0, excess) : []) {
    context.store.remove(resource, one.metadata.namespace, one.metadata.name);
  }
}
