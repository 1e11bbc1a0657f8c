import assert from 'node:assert/strict';
import type { Cluster } from '../../../../lib/kubernetes/cluster';
import type { Consumer } from '../../../../lib/kubernetes/config-consumers';
import { replaceStuckPods } from '../../../../lib/kubernetes/config-restarts';
import { FakeHost } from '../../../support/fake-host';

describe('a StatefulSet that is brought back', () => {
  const pod = (name: string, checksum: string, waiting?: string) => ({
    metadata: { name, annotations: { sum: checksum } },
    status: {
      containerStatuses: [
        {
          name: 'app',
          ready: !waiting,
          restartCount: 0,
          state: waiting ? { waiting: { reason: waiting } } : { running: {} },
        },
      ],
    },
  });
  const consumer = (kind: string): Consumer =>
    ({
      workload: { kind, name: 'set', selector: 'app=set', annotations: {} },
      annotations: { sum: 'old' },
      stale: true,
      redirections: [],
      ways: 'x',
    }) as unknown as Consumer;

  async function deleted(kind: string, pods: object[]): Promise<string[]> {
    const names: string[] = [];
    const cluster = {
      call: (_attempt: unknown, request: (options: object) => Promise<unknown>) => request({}),
      core: {
        listNamespacedPod: () => Promise.resolve({ items: pods }),
        deleteNamespacedPod: ({ name }: { name: string }) => Promise.resolve(names.push(name)),
      },
    } as unknown as Cluster;
    await replaceStuckPods(cluster, 'guardian', [consumer(kind)], new FakeHost());
    return names;
  }

  const pods = [
    pod('set-0', 'old'),
    pod('set-1', 'new'),
    pod('set-2', 'new', 'CreateContainerConfigError'),
    pod('set-3', 'old', 'CreateContainerConfigError'),
  ];

  it('has the pods of the failed content deleted that do not get ready, and no others', async () =>
    assert.deepEqual(await deleted('StatefulSet', pods), ['set-2']));

  it('which other workloads do not need', async () => assert.deepEqual(await deleted('Deployment', pods), []));
});
