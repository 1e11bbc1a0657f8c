import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { alreadyExists, invalid, notFound, problem, staleWrite, StatusError } from '../api/status-error';
import { ownershipAfterUpdate, type FieldWriter } from '../patches/managed-fields';
import { applyConfiguration } from '../patches/server-side-apply';
import { isRecord, omit, timestamp, type ApiObject, type ObjectMeta } from './api-object';
import { withDefaults } from './defaults';
import { finalizerOf, type Propagation } from './deletion';
import { randomName } from './names';
import type { ObjectStore } from './object-store';
import { readPatched } from './preparation';
import { resourceNamed, type Resource } from './resources';
import type { Schema } from './schema';
import { withServiceAddress } from './service-address';
import { validate } from './validation';

/** Which object a request is about. */
export interface ObjectPath {
  resource: Resource;
  namespace: string | undefined;
  name: string;
}

export interface WriteOptions {
  writer: FieldWriter;
  /** Does everything but the writing. */
  dryRun: boolean;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagation?: Propagation;
  /** The object must still be this one. */
  uid?: string;
  resourceVersion?: string;
  dryRun: boolean;
}

/** The rules of every write, whoever asks for it: defaults, checks, identity, generation, ownership, versions, deletion. */
export class Registry {
  constructor(
    private readonly schema: Schema,
    private readonly store: ObjectStore,
  ) {}

  /** @throws StatusError 404 */
  read({ resource, namespace, name }: ObjectPath): ApiObject {
    const object = this.store.get(resource, namespace, name);
    if (!object) throw notFound(resource, name);
    return object;
  }

  /** @throws StatusError 403, 404, 409 or 422 */
  create(resource: Resource, namespace: string | undefined, object: ApiObject, options: WriteOptions): ApiObject {
    const { generateName } = object.metadata;
    const name = object.metadata.name || (generateName ? randomName(generateName) : '');
    if (name === '')
      throw invalid(resource, '', [problem.required('metadata.name', 'name or generateName is required')]);
    this.#checkNamespace(resource, namespace, name);
    if (this.store.get(resource, namespace, name)) throw alreadyExists(resource, name);
    const made = this.#initial(resource, namespace, name, object);
    validate(resource, made, undefined);
    const managedFields = ownershipAfterUpdate(this.schema, resource.model, undefined, made, options.writer);
    return this.#put(resource, { ...made, metadata: { ...made.metadata, managedFields } }, options.dryRun);
  }

  /**
   * Puts a changed state in place of the stored one. With a subresource only that part changes, without one everything else.
   * @throws StatusError 404, 409 or 422
   */
  update(path: ObjectPath, change: (live: ApiObject) => unknown, options: WriteOptions): ApiObject {
    const { resource } = path;
    const live = this.read(path);
    const wanted = readPatched(this.schema, resource, change(live));
    this.#checkSameObject(path, live, wanted);
    const candidate = this.#successor(resource, live, wanted, options.writer.subresource);
    const managedFields = ownershipAfterUpdate(this.schema, resource.model, live, candidate, options.writer);
    return this.#replace(path, live, { ...candidate, metadata: { ...candidate.metadata, managedFields } }, options);
  }

  /** Server-side apply; creates what is not there. @throws StatusError 404, 409, 422, or 500 for wrong types */
  apply(path: ObjectPath, configuration: ApiObject, force: boolean, options: WriteOptions): ApiObject {
    const { resource, namespace, name } = path;
    const live = this.store.get(resource, namespace, name);
    if (!live) this.#checkNamespace(resource, namespace, name);
    const { object, managedFields } = applyConfiguration(
      this.schema,
      resource.model,
      live,
      configuration,
      options.writer,
      force,
    );
    const wanted = readPatched(this.schema, resource, object);
    if (!live) {
      const made = this.#initial(resource, namespace, name, wanted);
      validate(resource, made, undefined);
      return this.#put(resource, { ...made, metadata: { ...made.metadata, managedFields } }, options.dryRun);
    }
    this.#checkSameObject(path, live, wanted);
    const candidate = this.#successor(resource, live, wanted, options.writer.subresource);
    return this.#replace(path, live, { ...candidate, metadata: { ...candidate.metadata, managedFields } }, options);
  }

  /**
   * Deletes at once, or marks for deletion when something has to happen first.
   * @returns the marked object, or undefined when it is gone
   * @throws StatusError 404, 409
   */
  delete(path: ObjectPath, options: DeleteOptions): ApiObject | undefined {
    const { resource, namespace, name } = path;
    const live = this.read(path);
    const { metadata } = live;
    if (options.uid !== undefined && options.uid !== metadata.uid) {
      throw staleWrite(
        resource,
        name,
        `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${metadata.uid}`,
      );
    }
    if (options.resourceVersion !== undefined && options.resourceVersion !== metadata.resourceVersion) {
      throw staleWrite(resource, name);
    }
    const grace = gracePeriod(resource, live, options.gracePeriodSeconds);
    const finalizer = finalizerOf(options.propagation);
    const finalizers = [...new Set([...(metadata.finalizers ?? []), ...(finalizer ? [finalizer] : [])])];
    if (grace === 0 && finalizers.length === 0 && resource.kind !== 'Namespace') {
      if (!options.dryRun) this.store.remove(resource, namespace, name);
      return undefined;
    }
    const marked: ApiObject = {
      ...live,
      metadata: {
        ...metadata,
        ...(finalizers.length > 0 ? { finalizers } : {}),
        deletionTimestamp: metadata.deletionTimestamp ?? timestamp(new Date(Date.now() + grace * 1000)),
        deletionGracePeriodSeconds: Math.min(grace, metadata.deletionGracePeriodSeconds ?? grace),
      },
      ...(resource.kind === 'Namespace' ? { status: { ...asRecord(live.status), phase: 'Terminating' } } : {}),
    };
    if (options.dryRun || isDeepStrictEqual(marked, live)) return marked;
    return this.store.put(resource, marked);
  }

  #checkNamespace(resource: Resource, namespace: string | undefined, name: string): void {
    if (!resource.namespaced || namespace === undefined) return;
    const namespaces = resourceNamed('namespaces');
    const object = this.store.get(namespaces, undefined, namespace);
    if (!object) throw notFound(namespaces, namespace);
    if (object.metadata.deletionTimestamp) {
      throw new StatusError(
        403,
        'Forbidden',
        `${resource.plural} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
        {
          name,
          kind: resource.plural,
          causes: [
            {
              reason: 'NamespaceTerminating',
              message: `namespace ${namespace} is being terminated`,
              field: 'metadata.namespace',
            },
          ],
        },
      );
    }
  }

  #initial(resource: Resource, namespace: string | undefined, name: string, object: ApiObject): ApiObject {
    const { labels, annotations, finalizers, ownerReferences, generateName } = object.metadata;
    const metadata: ObjectMeta = {
      name,
      ...(generateName ? { generateName } : {}),
      ...(resource.namespaced && namespace ? { namespace } : {}),
      uid: randomUUID(),
      resourceVersion: '',
      ...(resource.hasGeneration ? { generation: 1 } : {}),
      creationTimestamp: timestamp(),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ...(ownerReferences ? { ownerReferences } : {}),
    };
    if (resource.kind === 'Namespace') metadata.labels = { ...labels, 'kubernetes.io/metadata.name': name };
    const withStatus = resource.subresources.includes('status')
      ? { ...object, metadata, status: initialStatus[resource.kind] ?? {} }
      : { ...object, metadata };
    return withServiceAddress(resource, withDefaults(resource, withStatus), undefined);
  }

  #checkSameObject({ resource, namespace, name }: ObjectPath, live: ApiObject, wanted: ApiObject): void {
    const { metadata } = wanted;
    if (metadata.name !== name) {
      throw new StatusError(
        400,
        'BadRequest',
        `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
      );
    }
    if (metadata.namespace && namespace && metadata.namespace !== namespace) {
      throw new StatusError(
        400,
        'BadRequest',
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    }
    if (metadata.uid && metadata.uid !== live.metadata.uid) {
      const text = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${live.metadata.uid}`;
      throw staleWrite(resource, name, text);
    }
    if (metadata.resourceVersion && metadata.resourceVersion !== live.metadata.resourceVersion) {
      throw staleWrite(resource, name);
    }
  }

  /** The wanted state with everything that a client cannot change taken from the stored one. */
  #successor(resource: Resource, live: ApiObject, wanted: ApiObject, subresource: string | undefined): ApiObject {
    if (subresource === 'status') return { ...live, status: wanted.status };
    const { labels, annotations, finalizers, ownerReferences } = wanted.metadata;
    const identity = omit(live.metadata, 'labels', 'annotations', 'finalizers', 'ownerReferences');
    const keepsStatus = resource.subresources.includes('status');
    const candidate = withServiceAddress(
      resource,
      withDefaults(resource, {
        ...(keepsStatus ? omit(wanted, 'status') : wanted),
        ...(keepsStatus && live.status !== undefined ? { status: live.status } : {}),
        metadata: {
          ...identity,
          ...(labels ? { labels } : {}),
          ...(annotations ? { annotations } : {}),
          ...(finalizers && finalizers.length > 0 ? { finalizers } : {}),
          ...(ownerReferences ? { ownerReferences } : {}),
        },
      }),
      live,
    );
    if (!resource.hasGeneration || isDeepStrictEqual(candidate.spec, live.spec)) return candidate;
    const generation = (live.metadata.generation ?? 0) + 1;
    return { ...candidate, metadata: { ...candidate.metadata, generation } };
  }

  #replace(path: ObjectPath, live: ApiObject, candidate: ApiObject, { dryRun }: WriteOptions): ApiObject {
    const { resource, namespace, name } = path;
    validate(resource, candidate, live);
    if (isDeepStrictEqual(candidate, live)) return live;
    // The last finalizer gone from an object that is being deleted: that is its end. Pods and namespaces wait for their keepers.
    const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = candidate.metadata;
    const ended =
      deletionTimestamp && !finalizers?.length && !deletionGracePeriodSeconds && resource.kind !== 'Namespace';
    if (ended && !dryRun) {
      this.store.remove(resource, namespace, name);
      return candidate;
    }
    return this.#put(resource, candidate, dryRun);
  }

  #put(resource: Resource, object: ApiObject, dryRun: boolean): ApiObject {
    return dryRun ? object : this.store.put(resource, object);
  }
}

const initialStatus: Readonly<Record<string, Record<string, unknown>>> = {
  Namespace: { phase: 'Active' },
  Pod: { phase: 'Pending', qosClass: 'BestEffort' },
  Service: { loadBalancer: {} },
  // Its folder is made when a pod mounts it; nothing has to be waited for.
  PersistentVolumeClaim: { phase: 'Bound' },
};

/** Only a pod that has been given to a node is ended gracefully. */
function gracePeriod(resource: Resource, live: ApiObject, asked: number | undefined): number {
  if (resource.kind !== 'Pod') return 0;
  const spec = asRecord(live.spec);
  const phase = asRecord(live.status).phase;
  if (!spec.nodeName || phase === 'Succeeded' || phase === 'Failed') return 0;
  const own = typeof spec.terminationGracePeriodSeconds === 'number' ? spec.terminationGracePeriodSeconds : 30;
  return asked ?? own;
}

function asRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}
