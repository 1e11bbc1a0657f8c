import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isRecord, type ApiObject } from './objects/api-object';
import type { ObjectStore } from './objects/object-store';
import { localNode } from './pods/local-node';
import type { Registry } from './objects/registry';
import { resourceOfKind, type Resource } from './objects/resources';

/** The service account of the pipelines' service connection, and the Secret with its lasting token. */
export const pipelineAccount = { namespace: 'guardian', name: 'guardian-pipeline', secret: 'guardian-pipeline-token' };

/** What a team applies to its cluster before its first pipeline; here it is there from the start. */
const manifests = ['namespace.yaml', 'service-account.yaml'].map(file => join(__dirname, '../../samples/k8s', file));

/** Makes what a new cluster has: its node, its namespaces, and the pipelines' service account with its rights. */
export function seedCluster(store: ObjectStore, registry: Registry): void {
  const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const object of [localNode(), ...['default', 'kube-system'].map(namespace)]) create(store, registry, object);
  for (const file of manifests) {
    for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
      const object: unknown = document.toJS();
      if (isRecord(object)) create(store, registry, object);
    }
  }
}

/** Objects that are there stay as they are: somebody may have changed them. */
function create(store: ObjectStore, registry: Registry, object: Record<string, unknown>): void {
  const resource = resourceOfKind(String(object.apiVersion), String(object.kind));
  if (!resource) throw new Error(`A manifest holds the kind ${String(object.kind)}, which is not served here.`);
  const { metadata } = object as unknown as ApiObject;
  if (store.get(resource, namespaceOf(resource, metadata.namespace), metadata.name)) return;
  const made = registry.create(resource, namespaceOf(resource, metadata.namespace), object as unknown as ApiObject, {
    writer: { manager: 'local-cluster', operation: 'Update' },
    dryRun: false,
  });
  // The API takes no status from who creates; the node's is told by its kubelet.
  if (object.status !== undefined) store.put(resource, { ...made, status: object.status });
}

function namespaceOf(resource: Resource, namespace: string | undefined): string | undefined {
  return resource.namespaced ? (namespace ?? 'default') : undefined;
}
