import { isRecord, type ApiObject, type JsonRecord } from './api-object';
import type { Resource } from './resources';

/** Fills in what the API server fills in for absent fields (the defaulting functions of its v1 types). Gives a new object. */
export function withDefaults(resource: Resource, object: ApiObject): ApiObject {
  const kindDefaults = byKind[resource.kind];
  return kindDefaults ? kindDefaults(object) : object;
}

const byKind: Readonly<Record<string, (object: ApiObject) => ApiObject>> = {
  Pod: object => ({ ...object, spec: podSpec(object.spec) }),
  Deployment: object =>
    workload(object, {
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: rollingUpdate(fieldOf(object.spec, 'strategy'), { maxUnavailable: '25%', maxSurge: '25%' }),
    }),
  ReplicaSet: object => workload(object, { replicas: 1 }),
  StatefulSet: object =>
    workload(object, {
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: rollingUpdate(fieldOf(object.spec, 'updateStrategy'), { partition: 0 }),
    }),
  DaemonSet: object =>
    workload(object, {
      revisionHistoryLimit: 10,
      updateStrategy: rollingUpdate(fieldOf(object.spec, 'updateStrategy'), { maxUnavailable: 1, maxSurge: 0 }),
    }),
  Job: job,
  CronJob: object => {
    const spec = fill(object.spec, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    });
    const template = fieldOf(spec.jobTemplate, 'spec');
    if (!isRecord(spec.jobTemplate) || !isRecord(template)) return { ...object, spec };
    const filled = {
      ...template,
      template: { ...recordOf(template.template), spec: podSpec(fieldOf(template.template, 'spec')) },
    };
    return { ...object, spec: { ...spec, jobTemplate: { ...spec.jobTemplate, spec: filled } } };
  },
  Service: object => ({ ...object, spec: serviceSpec(object.spec) }),
  Secret: object => fill(object, { type: 'Opaque' }) as ApiObject,
  Namespace: object => ({ ...object, spec: fill(object.spec, { finalizers: ['kubernetes'] }) }),
};

/** Fields of `defaults` that are absent or undefined in `value`. */
function fill(value: unknown, defaults: JsonRecord): JsonRecord {
  const given = isRecord(value) ? value : {};
  const missing = Object.entries(defaults).filter(([name]) => given[name] === undefined);
  return { ...given, ...Object.fromEntries(missing) };
}

function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function recordOf(value: unknown): JsonRecord {
  return isRecord(value) ? value : {};
}

/** A Job's selector and the labels for it are made by the API server, from its uid. */
function job(object: ApiObject): ApiObject {
  const given = recordOf(object.spec);
  // Without both numbers a Job is one pod; with parallelism alone it ends with its first success.
  const spec = fill(given, {
    parallelism: 1,
    ...(given.parallelism === undefined ? { completions: 1 } : {}),
    completionMode: 'NonIndexed',
    backoffLimit: 6,
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': object.metadata.uid } },
  });
  const template = recordOf(spec.template);
  const metadata = recordOf(template.metadata);
  const { name, uid } = object.metadata;
  const labels = {
    ...recordOf(metadata.labels),
    'batch.kubernetes.io/job-name': name,
    'batch.kubernetes.io/controller-uid': uid,
    'job-name': name,
    'controller-uid': uid,
  };
  return {
    ...object,
    spec: { ...spec, template: { ...template, metadata: { ...metadata, labels }, spec: podSpec(template.spec) } },
  };
}

function workload(object: ApiObject, defaults: JsonRecord): ApiObject {
  const spec = { ...(isRecord(object.spec) ? object.spec : {}) };
  // These two defaults depend on what is given, so they replace it.
  for (const name of ['strategy', 'updateStrategy']) if (defaults[name]) spec[name] = defaults[name];
  const template = isRecord(spec.template) ? spec.template : {};
  return {
    ...object,
    spec: { ...fill(spec, defaults), template: { ...template, spec: podSpec(template.spec) } },
  };
}

function rollingUpdate(strategy: unknown, parameters: JsonRecord): JsonRecord {
  const given = fill(strategy, { type: 'RollingUpdate' });
  return given.type === 'RollingUpdate' ? { ...given, rollingUpdate: fill(given.rollingUpdate, parameters) } : given;
}

function podSpec(value: unknown): JsonRecord {
  const spec = fill(value, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  });
  // Both names of the field are always kept the same.
  const account = spec.serviceAccountName ?? spec.serviceAccount;
  return {
    ...spec,
    ...(account === undefined ? {} : { serviceAccountName: account, serviceAccount: account }),
    ...(spec.containers === undefined ? {} : { containers: listOf(spec.containers).map(container) }),
    ...(spec.initContainers === undefined ? {} : { initContainers: listOf(spec.initContainers).map(container) }),
    ...(spec.volumes === undefined ? {} : { volumes: listOf(spec.volumes).map(volume) }),
  };
}

function container(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const image = typeof value.image === 'string' ? value.image : '';
  const filled = fill(value, {
    imagePullPolicy: /:(?!latest$)[^/:]+$|@/.test(image) ? 'IfNotPresent' : 'Always',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
  });
  const probes = ['readinessProbe', 'livenessProbe', 'startupProbe'].flatMap(name =>
    filled[name] === undefined ? [] : [[name, probe(filled[name])] as const],
  );
  return {
    ...filled,
    ...(filled.ports === undefined
      ? {}
      : { ports: listOf(filled.ports).map(port => (isRecord(port) ? fill(port, { protocol: 'TCP' }) : port)) }),
    ...(filled.env === undefined ? {} : { env: listOf(filled.env).map(environmentVariable) }),
    ...Object.fromEntries(probes),
  };
}

function environmentVariable(value: unknown): unknown {
  const from = fieldOf(value, 'valueFrom');
  const reference = fieldOf(from, 'fieldRef');
  if (!isRecord(value) || !isRecord(from) || !isRecord(reference)) return value;
  return { ...value, valueFrom: { ...from, fieldRef: fill(reference, { apiVersion: 'v1' }) } };
}

function probe(value: unknown): JsonRecord {
  const filled = fill(value, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  return isRecord(filled.httpGet)
    ? { ...filled, httpGet: fill(filled.httpGet, { path: '/', scheme: 'HTTP' }) }
    : filled;
}

function volume(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const sources = ['configMap', 'secret', 'projected', 'downwardAPI'].flatMap(name =>
    isRecord(value[name]) ? [[name, fill(value[name], { defaultMode: 420 })] as const] : [],
  );
  return { ...value, ...Object.fromEntries(sources) };
}

function serviceSpec(value: unknown): JsonRecord {
  const spec = fill(value, { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' });
  return {
    ...spec,
    ...(spec.ports === undefined
      ? {}
      : {
          ports: listOf(spec.ports).map(port =>
            isRecord(port) ? fill(port, { protocol: 'TCP', targetPort: port.port }) : port,
          ),
        }),
  };
}
