import type { ApiObject } from '../objects/api-object';

/** The parts of a pod that are read and written here; a pod may have more. */
export interface Pod extends ApiObject {
  spec: PodSpec;
  status?: PodStatus;
}

export interface PodSpec {
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  containers: Container[];
  initContainers?: Container[];
  restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  terminationGracePeriodSeconds?: number;
  serviceAccountName?: string;
  volumes?: Volume[];
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  env?: EnvironmentVariable[];
  envFrom?: EnvironmentSource[];
  ports?: { name?: string; containerPort: number }[];
  volumeMounts?: VolumeMount[];
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  startupProbe?: Probe;
  lifecycle?: { postStart?: LifecycleHandler; preStop?: LifecycleHandler };
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  subPath?: string;
  subPathExpr?: string;
  readOnly?: boolean;
}

/** What a hook does: exactly one of these. */
export interface LifecycleHandler {
  exec?: { command: string[] };
  httpGet?: HttpGet;
  sleep?: { seconds: number };
  tcpSocket?: unknown;
}

export interface HttpGet {
  path?: string;
  port: number | string;
  scheme?: string;
  httpHeaders?: { name: string; value: string }[];
}

export interface Reference {
  name: string;
  optional?: boolean;
}

export interface EnvironmentVariable {
  name: string;
  value?: string;
  valueFrom?: {
    configMapKeyRef?: Reference & { key: string };
    secretKeyRef?: Reference & { key: string };
    fieldRef?: { fieldPath: string };
    resourceFieldRef?: ResourceFieldReference;
  };
}

export interface EnvironmentSource {
  prefix?: string;
  configMapRef?: Reference;
  secretRef?: Reference;
}

/** A key of a ConfigMap or Secret as a file; all keys, each under its own name, where none are listed. */
export interface KeyToPath {
  key: string;
  path: string;
  mode?: number;
}

export interface DownwardFile {
  path: string;
  fieldRef?: { fieldPath: string };
  resourceFieldRef?: ResourceFieldReference;
  mode?: number;
}

export interface ResourceFieldReference {
  containerName?: string;
  resource: string;
  divisor?: string;
}

/** One source of files: of a volume by itself, or of several that a projected volume puts together. */
export interface FileSource {
  configMap?: Reference & { items?: KeyToPath[] };
  secret?: Partial<Reference> & { secretName?: string; items?: KeyToPath[] };
  downwardAPI?: { items?: DownwardFile[] };
}

export interface Volume extends FileSource {
  name: string;
  configMap?: Reference & { items?: KeyToPath[]; defaultMode?: number };
  secret?: { secretName: string; optional?: boolean; items?: KeyToPath[]; defaultMode?: number };
  downwardAPI?: { items?: DownwardFile[]; defaultMode?: number };
  projected?: { sources?: FileSource[]; defaultMode?: number };
  emptyDir?: unknown;
  persistentVolumeClaim?: { claimName: string };
  [source: string]: unknown;
}

export interface Probe {
  httpGet?: HttpGet;
  tcpSocket?: { port: number | string };
  exec?: { command: string[] };
  grpc?: unknown;
  initialDelaySeconds?: number;
  periodSeconds?: number;
  timeoutSeconds?: number;
  successThreshold?: number;
  failureThreshold?: number;
}

export interface ContainerState {
  waiting?: { reason: string; message?: string };
  running?: { startedAt: string };
  terminated?: Termination;
}

export interface Termination {
  exitCode: number;
  signal?: number;
  reason: string;
  startedAt: string;
  finishedAt: string;
  containerID: string;
}

export interface ContainerStatus {
  name: string;
  image: string;
  imageID: string;
  containerID?: string;
  state: ContainerState;
  lastState: ContainerState;
  ready: boolean;
  started: boolean;
  restartCount: number;
}

export interface Condition {
  type: string;
  status: 'True' | 'False';
  reason?: string;
  message?: string;
  lastProbeTime?: null;
  lastTransitionTime: string;
}

export interface PodStatus {
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  conditions?: Condition[];
  hostIP?: string;
  podIP?: string;
  startTime?: string;
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
  qosClass?: string;
}

/** Whether the pod may be sent requests. */
export function isReady(pod: ApiObject): boolean {
  const { status, metadata } = pod as Pod;
  if (metadata.deletionTimestamp) return false;
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}

/** Since when the pod is ready, in milliseconds since 1970; undefined when it is not. */
export function readySince(pod: ApiObject): number | undefined {
  const ready = (pod as Pod).status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? Date.parse(ready.lastTransitionTime) : undefined;
}

/** Whether the pod counts for its controller: not on its way out. */
export function isActive(pod: ApiObject): boolean {
  const phase = (pod as Pod).status?.phase;
  return !pod.metadata.deletionTimestamp && phase !== 'Succeeded' && phase !== 'Failed';
}
