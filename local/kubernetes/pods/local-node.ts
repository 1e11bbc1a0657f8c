import { timestamp } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';
import type { Pod } from './pod-shapes';

/** The one node: this machine. */
export const nodeName = 'local';

const nodeLabels: Readonly<Record<string, string>> = {
  'kubernetes.io/hostname': nodeName,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
};

/** Why no node takes the pod, in the scheduler's words; undefined when the node does. Only nodeSelector is looked at. */
export function unschedulable(store: ObjectStore, pod: Pod): string | undefined {
  const labels = store.get(resourceNamed('nodes'), undefined, nodeName)?.metadata.labels ?? nodeLabels;
  const fits = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  return fits
    ? undefined
    : "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
}

/** The Node object of this machine. */
export function localNode(): Record<string, unknown> {
  const now = timestamp();
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels: nodeLabels },
    spec: {},
    status: {
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now },
      ],
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    },
  };
}
