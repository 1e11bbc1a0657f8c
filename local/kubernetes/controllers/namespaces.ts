import type { ApiObject } from '../objects/api-object';
import { resourceNamed, resources } from '../objects/resources';
import type { ControllerContext } from './controller-context';

const namespaces = resourceNamed('namespaces');
const writer = { manager: 'kube-controller-manager', operation: 'Update' } as const;

/** Gives a namespace what every namespace has, or empties and ends one that is deleted. */
export function reconcileNamespace(context: ControllerContext, name: string): undefined {
  const found = context.store.get(namespaces, undefined, name);
  if (!found) return;
  if (found.metadata.deletionTimestamp) {
    endNamespace(context, name);
    return;
  }
  const ensure = (plural: string, object: Record<string, unknown>, objectName: string): void => {
    const resource = resourceNamed(plural);
    if (context.store.get(resource, name, objectName)) return;
    const made = { apiVersion: 'v1', kind: resource.kind, metadata: { name: objectName }, ...object };
    context.registry.create(resource, name, made as unknown as ApiObject, { writer, dryRun: false });
  };
  ensure('serviceaccounts', {}, 'default');
  ensure('configmaps', { data: { 'ca.crt': context.ca } }, 'kube-root-ca.crt');
}

/** Deletes everything in it; called again as the last pods end, until nothing is left. */
function endNamespace({ store, registry }: ControllerContext, name: string): void {
  const contents = resources
    .filter(resource => resource.stored && resource.namespaced)
    .flatMap(resource => store.list(resource, name).map(object => ({ resource, object })));
  for (const { resource, object } of contents) {
    if (object.metadata.deletionTimestamp || !store.get(resource, name, object.metadata.name)) continue;
    registry.delete({ resource, namespace: name, name: object.metadata.name }, { dryRun: false });
  }
  const left = resources.some(
    resource => resource.stored && resource.namespaced && store.list(resource, name).length > 0,
  );
  if (!left) store.remove(namespaces, undefined, name);
}
