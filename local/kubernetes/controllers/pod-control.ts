import { StatusError } from '../api/status-error';
import { controllerOf, controllerReference, type ApiObject } from '../objects/api-object';
import { resourceNamed } from '../objects/resources';
import { isActive, type Pod } from '../pods/pod-shapes';
import type { ControllerContext } from './controller-context';
import type { PodTemplate } from './workload-shapes';

const pods = resourceNamed('pods');

/** All pods that this object controls, also those that are ending. */
export function podsOf({ store }: ControllerContext, owner: ApiObject): Pod[] {
  const { uid } = owner.metadata;
  return store
    .ownedBy(uid)
    .map(({ object }) => object as Pod)
    .filter(pod => pod.kind === 'Pod' && controllerOf(pod)?.uid === uid);
}

/** The pods of an object that are not on their way out. */
export function activePodsOf(context: ControllerContext, owner: ApiObject): Pod[] {
  return podsOf(context, owner).filter(isActive);
}

/**
 * Makes one pod of a workload from its template, and says so in an event.
 * @param identity its name, or the beginning of one, and what its labels have besides the template's
 * @returns undefined when the API refused it, which an event says as well
 */
export function createPod(
  { registry, events }: ControllerContext,
  owner: ApiObject,
  { metadata, spec }: PodTemplate,
  identity: { name?: string; generateName?: string; labels?: Record<string, string> },
): ApiObject | undefined {
  const { labels, ...names } = identity;
  const component = componentOf(owner);
  try {
    const pod = registry.create(
      pods,
      owner.metadata.namespace,
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          ...metadata,
          ...names,
          labels: { ...metadata?.labels, ...labels },
          ownerReferences: [controllerReference(owner)],
        },
        spec,
      } as unknown as ApiObject,
      { writer: { manager: 'kube-controller-manager', operation: 'Update' }, dryRun: false },
    );
    events.record(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`, component);
    return pod;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    events.record(owner, 'Warning', 'FailedCreate', `Error creating: ${error.message}`, component);
    return undefined;
  }
}

/** Ends one pod of a workload, and says so in an event. */
export function deletePod({ registry, events }: ControllerContext, owner: ApiObject, pod: ApiObject): void {
  const { namespace, name } = pod.metadata;
  registry.delete({ resource: pods, namespace, name }, { dryRun: false });
  events.record(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`, componentOf(owner));
}

function componentOf({ kind }: ApiObject): string {
  return kind === 'DaemonSet' || kind === 'Job' || kind === 'StatefulSet'
    ? `${kind.toLowerCase()}-controller`
    : 'replicaset-controller';
}
