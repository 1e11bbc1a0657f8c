import { availableParallelism, release, totalmem } from 'node:os';
import { timestamp } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';
import type { PodSpec } from './pod-shapes';
import { podRequests } from './quantities';

/** The one node: this machine. */
export const nodeName = 'local';

/** What this machine has: CPUs, and bytes of memory. */
export const allocatable: Readonly<Record<string, number>> = {
  cpu: availableParallelism(),
  memory: totalmem(),
  pods: 110,
};

const nodeLabels: Readonly<Record<string, string>> = {
  'kubernetes.io/hostname': nodeName,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
};

/**
 * Why no node takes the pod, in the scheduler's words; undefined when the node does. Looked at are nodeSelector and what the
 * pod requests: it must fit on the node by itself. What other pods request does not count: all of them are processes that
 * share this machine anyway.
 */
export function unschedulable(
  store: ObjectStore,
  spec: Pick<PodSpec, 'nodeSelector' | 'containers' | 'initContainers'>,
): string | undefined {
  const node = store.get(resourceNamed('nodes'), undefined, nodeName);
  const labels = node?.metadata.labels ?? nodeLabels;
  const refuse = (why: string, preemption: string): string =>
    `0/1 nodes are available: ${why}. preemption: 0/1 nodes are available: 1 ${preemption}.`;
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) {
    return refuse("1 node(s) didn't match Pod's node affinity/selector", 'Preemption is not helpful for scheduling');
  }
  const short = Object.entries(podRequests(spec)).filter(([name, amount]) => amount > (allocatable[name] ?? 0));
  return short.length === 0
    ? undefined
    : refuse(
        short.map(([name]) => `1 Insufficient ${name}`).join(', '),
        'No preemption victims found for incoming pod',
      );
}

/** The Node object of this machine. */
export function localNode(): Record<string, unknown> {
  const now = timestamp();
  const amounts = {
    cpu: String(allocatable.cpu),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(allocatable.pods),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels: nodeLabels },
    spec: {},
    status: {
      capacity: amounts,
      allocatable: amounts,
      nodeInfo: {
        machineID: '',
        systemUUID: '',
        bootID: '',
        kernelVersion: release(),
        osImage: 'this machine',
        containerRuntimeVersion: 'local://',
        kubeletVersion: 'v1.32.4',
        kubeProxyVersion: '',
        operatingSystem: 'linux',
        architecture: nodeLabels['kubernetes.io/arch'],
      },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now },
      ],
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    },
  };
}
