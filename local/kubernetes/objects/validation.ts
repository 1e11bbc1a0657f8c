import { isDeepStrictEqual } from 'node:util';
import { invalid, problem, type FieldProblem } from '../api/status-error';
import { checkSchedule } from './cron-schedule';
import { isRecord, type ApiObject, type JsonRecord } from './api-object';
import type { Resource } from './resources';
import { matchLabelSelector } from './selectors';

/** The API server's limit for a ConfigMap's or Secret's content, and for all annotations of an object. */
const contentLimitBytes = 1024 * 1024;
const annotationsLimitBytes = 256 * 1024;

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const labelValueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const dataKey = /^[-._a-zA-Z0-9]+$/;
const dataKeyRule =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/**
 * Refuses an object that breaks the rules of its kind.
 * @param live the stored object, when this is a change
 * @throws StatusError 422 that lists every problem
 */
export function validate(resource: Resource, object: ApiObject, live: ApiObject | undefined): void {
  const problems = [...metadataProblems(resource, object), ...kindProblems(resource, object, live)];
  if (problems.length > 0) throw invalid(resource, object.metadata.name, problems);
}

function metadataProblems(resource: Resource, { metadata }: ApiObject): FieldProblem[] {
  const { name, labels, annotations } = metadata;
  const problems: FieldProblem[] = [];
  if (resource.kind === 'Namespace' || resource.kind === 'Service') {
    if (!label.test(name)) problems.push(problem.invalid('metadata.name', name, labelRule));
  } else if (resource.group !== 'rbac.authorization.k8s.io' && (!subdomain.test(name) || name.length > 253)) {
    // RBAC names are free but for what a path cannot hold.
    problems.push(problem.invalid('metadata.name', name, subdomainRule));
  }
  for (const value of Object.values(labels ?? {})) {
    if (!labelValue.test(value) || value.length > 63) {
      problems.push(problem.invalid('metadata.labels', value, labelValueRule));
    }
  }
  if (bytesOf(annotations ?? {}) > annotationsLimitBytes) {
    problems.push(problem.tooLong('metadata.annotations', annotationsLimitBytes));
  }
  return problems;
}

function kindProblems(resource: Resource, object: ApiObject, live: ApiObject | undefined): FieldProblem[] {
  switch (resource.kind) {
    case 'ConfigMap':
      return configMapProblems(object, live);
    case 'Secret':
      return secretProblems(object, live);
    case 'Deployment':
    case 'ReplicaSet':
    case 'StatefulSet':
    case 'DaemonSet':
      return workloadProblems(object, live);
    case 'Pod':
      return podProblems(recordOf(object.spec), 'spec');
    case 'Job':
      return jobProblems(object, live);
    case 'CronJob':
      return cronJobProblems(object);
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return live && !isDeepStrictEqual(live.roleRef, object.roleRef)
        ? [problem.invalid('roleRef', object.roleRef, 'cannot change roleRef')]
        : [];
    default:
      return [];
  }
}

function configMapProblems(object: ApiObject, live: ApiObject | undefined): FieldProblem[] {
  const data = recordOf(object.data);
  const binary = recordOf(object.binaryData);
  const problems = [...keyProblems('data', data), ...keyProblems('binaryData', binary)];
  for (const key of Object.keys(binary)) {
    if (key in data) problems.push(problem.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
  }
  if (bytesOf(data) + decodedBytesOf(binary) > contentLimitBytes) problems.push(problem.tooLong('', contentLimitBytes));
  return [...problems, ...immutabilityProblems(object, live, ['data', 'binaryData'])];
}

function secretProblems(object: ApiObject, live: ApiObject | undefined): FieldProblem[] {
  const data = recordOf(object.data);
  const problems = keyProblems('data', data);
  if (decodedBytesOf(data) > contentLimitBytes) problems.push(problem.tooLong('data', contentLimitBytes));
  if (live && live.type !== object.type) problems.push(problem.invalid('type', object.type, 'field is immutable'));
  const account = object.metadata.annotations?.['kubernetes.io/service-account.name'];
  if (object.type === 'kubernetes.io/service-account-token' && !account) {
    problems.push(problem.required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  return [...problems, ...immutabilityProblems(object, live, ['data'])];
}

function keyProblems(field: string, data: JsonRecord): FieldProblem[] {
  return Object.keys(data).flatMap(key => {
    if (key === '.' || key === '..') return [problem.invalid(`${field}[${key}]`, key, `must not be '${key}'`)];
    if (key.length > 253) return [problem.invalid(`${field}[${key}]`, key, 'must be no more than 253 characters')];
    return dataKey.test(key) ? [] : [problem.invalid(`${field}[${key}]`, key, dataKeyRule)];
  });
}

function immutabilityProblems(object: ApiObject, live: ApiObject | undefined, fields: string[]): FieldProblem[] {
  if (live?.immutable !== true) return [];
  const why = 'field is immutable when `immutable` is set';
  return ['immutable', ...fields]
    .filter(field => !isDeepStrictEqual(live[field] ?? {}, object[field] ?? {}))
    .map(field => problem.forbidden(field, why));
}

function workloadProblems(object: ApiObject, live: ApiObject | undefined): FieldProblem[] {
  const spec = recordOf(object.spec);
  const template = recordOf(spec.template);
  const problems: FieldProblem[] = [];
  if (!isRecord(spec.selector)) {
    problems.push(problem.required('spec.selector'));
  } else if (!matchLabelSelector(spec.selector)(templateLabels(template))) {
    const labels = recordOf(template.metadata).labels ?? null;
    problems.push(
      problem.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    );
  }
  if (live && !isDeepStrictEqual(recordOf(live.spec).selector, spec.selector)) {
    problems.push(problem.invalid('spec.selector', spec.selector, 'field is immutable'));
  }
  for (const field of ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']) {
    const value = spec[field];
    if (typeof value === 'number' && value < 0) {
      problems.push(problem.invalid(`spec.${field}`, value, 'must be greater than or equal to 0'));
    }
  }
  const policy = recordOf(template.spec).restartPolicy;
  if (policy !== 'Always') {
    problems.push(problem.notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
  }
  return [...problems, ...podProblems(recordOf(template.spec), 'spec.template.spec')];
}

function jobProblems(object: ApiObject, live: ApiObject | undefined): FieldProblem[] {
  const spec = recordOf(object.spec);
  const template = recordOf(spec.template);
  const before = recordOf(live?.spec);
  const immutable = ['completions', 'selector', 'template'].filter(
    field => live && !isDeepStrictEqual(before[field], spec[field]),
  );
  return [
    ...immutable.map(field => problem.invalid(`spec.${field}`, spec[field], 'field is immutable')),
    ...jobPolicyProblems(template, 'spec.template.spec'),
    ...podProblems(recordOf(template.spec), 'spec.template.spec'),
  ];
}

/** A Job's pods must be able to end. */
function jobPolicyProblems(template: JsonRecord, path: string): FieldProblem[] {
  const policy = recordOf(template.spec).restartPolicy;
  if (policy === 'OnFailure' || policy === 'Never') return [];
  return [problem.notSupported(`${path}.restartPolicy`, policy, ['OnFailure', 'Never'])];
}

function cronJobProblems(object: ApiObject): FieldProblem[] {
  const spec = recordOf(object.spec);
  const template = recordOf(recordOf(recordOf(spec.jobTemplate).spec).template);
  return [
    ...scheduleProblems(spec.schedule),
    ...jobPolicyProblems(template, 'spec.jobTemplate.spec.template.spec'),
    ...podProblems(recordOf(template.spec), 'spec.jobTemplate.spec.template.spec'),
  ];
}

function scheduleProblems(schedule: unknown): FieldProblem[] {
  if (typeof schedule !== 'string' || schedule === '') return [problem.required('spec.schedule')];
  try {
    checkSchedule(schedule);
    return [];
  } catch (error) {
    return [problem.invalid('spec.schedule', schedule, error instanceof Error ? error.message : String(error))];
  }
}

function podProblems(spec: JsonRecord, path: string): FieldProblem[] {
  const containers = Array.isArray(spec.containers) ? spec.containers : [];
  if (containers.length === 0) return [problem.required(`${path}.containers`)];
  const volumes = new Set((Array.isArray(spec.volumes) ? spec.volumes : []).map(volume => recordOf(volume).name));
  const names = new Set<unknown>();
  return containers.flatMap((container: unknown, index) => {
    const at = `${path}.containers[${index}]`;
    const { name, image, volumeMounts } = recordOf(container);
    const problems: FieldProblem[] = [];
    if (typeof name !== 'string' || name === '') problems.push(problem.required(`${at}.name`));
    else if (!label.test(name)) problems.push(problem.invalid(`${at}.name`, name, labelRule));
    if (names.has(name)) problems.push(problem.duplicate(`${at}.name`, name));
    names.add(name);
    if (!image) problems.push(problem.required(`${at}.image`));
    for (const [mountIndex, mount] of (Array.isArray(volumeMounts) ? volumeMounts : []).entries()) {
      const volume = recordOf(mount).name;
      if (!volumes.has(volume)) {
        const message = `Not found: ${JSON.stringify(volume)}`;
        const field = `${at}.volumeMounts[${mountIndex}].name`;
        problems.push({ ...problem.invalid(field, volume, ''), message });
      }
    }
    return problems;
  });
}

function templateLabels(template: JsonRecord): Record<string, string> {
  return recordOf(recordOf(template.metadata).labels) as Record<string, string>;
}

function recordOf(value: unknown): JsonRecord {
  return isRecord(value) ? value : {};
}

/** Bytes of the keys' values as UTF-8; keys do not count for a ConfigMap's or Secret's limit. */
function bytesOf(data: JsonRecord): number {
  return Object.values(data).reduce<number>((sum, value) => sum + Buffer.byteLength(String(value)), 0);
}

function decodedBytesOf(data: JsonRecord): number {
  return Object.values(data).reduce<number>((sum, value) => sum + Buffer.byteLength(String(value), 'base64'), 0);
}
