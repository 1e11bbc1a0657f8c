import assert from 'node:assert/strict';
import { daemonSetRollout, deploymentRollout, statefulSetRollout } from '../../../../lib/kubernetes/rollout-status';
import { podProblem } from '../../../../lib/kubernetes/pod-problems';

const labels = { selector: {}, template: {} };

// What the API server sends is plain JSON, not instances of the client's classes.
const ofDeployment = (object: object) => deploymentRollout(object);
const ofStatefulSet = (object: object) => statefulSetRollout(object);
const ofDaemonSet = (object: object) => daemonSetRollout(object);

describe('rollout status', () => {
  const deployments: [string, number, object, string, RegExp][] = [
    ['before its controller has seen it', 3, { observedGeneration: 2, updatedReplicas: 3 }, 'waiting', /not seen/],
    [
      'while pods are made',
      2,
      { observedGeneration: 2, updatedReplicas: 1, replicas: 3 },
      'waiting',
      /1 of 3 pods have/,
    ],
    ['while old pods end', 2, { observedGeneration: 2, updatedReplicas: 3, replicas: 4 }, 'waiting', /1 old pods/],
    [
      'while new pods start',
      2,
      { observedGeneration: 2, updatedReplicas: 3, replicas: 3, availableReplicas: 2 },
      'waiting',
      /2 of 3 new pods/,
    ],
    [
      'at its end',
      2,
      { observedGeneration: 2, updatedReplicas: 3, replicas: 3, availableReplicas: 3 },
      'done',
      /3 pods run/,
    ],
    [
      'out of time',
      2,
      {
        observedGeneration: 2,
        conditions: [{ type: 'Progressing', reason: 'ProgressDeadlineExceeded', message: 'timed out' }],
      },
      'failed',
      /timed out/,
    ],
  ];
  for (const [what, generation, status, state, text] of deployments) {
    it(`Deployment ${what}`, () => {
      const rollout = ofDeployment({
        metadata: { generation },
        spec: { ...labels, replicas: 3 },
        status,
      });
      assert.equal(rollout.state, state);
      assert.match(rollout.text, text);
    });
  }

  it('Deployment scaled to zero is done', () => {
    const rollout = ofDeployment({
      metadata: { generation: 1 },
      spec: { ...labels, replicas: 0 },
      status: { observedGeneration: 1 },
    });
    assert.equal(rollout.state, 'done');
  });

  it('StatefulSet goes by its revisions', () => {
    const set = (status: object) =>
      ofStatefulSet({ metadata: { generation: 1 }, spec: { ...labels, replicas: 2 }, status }).state;
    assert.equal(
      set({ observedGeneration: 1, readyReplicas: 1, updateRevision: 'b', currentRevision: 'a' }),
      'waiting',
    );
    assert.equal(
      set({ observedGeneration: 1, readyReplicas: 2, updateRevision: 'b', currentRevision: 'a' }),
      'waiting',
    );
    assert.equal(set({ observedGeneration: 1, readyReplicas: 2, updateRevision: 'b', currentRevision: 'b' }), 'done');
  });

  it('StatefulSet with a partition moves only the pods above it', () => {
    const spec = { ...labels, replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } };
    const set = (updatedReplicas: number) =>
      ofStatefulSet({
        metadata: { generation: 1 },
        spec,
        status: { observedGeneration: 1, readyReplicas: 3, updatedReplicas },
      }).state;
    assert.equal(set(0), 'waiting');
    assert.equal(set(1), 'done');
  });

  it('DaemonSet goes by its nodes', () => {
    const set = (updatedNumberScheduled: number, numberAvailable: number) =>
      ofDaemonSet({
        metadata: { generation: 1 },
        spec: labels,
        status: { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled, numberAvailable },
      }).state;
    assert.deepEqual([set(1, 2), set(2, 1), set(2, 2)], ['waiting', 'waiting', 'done']);
  });

  it('OnDelete is not waited for', () => {
    const spec = { ...labels, updateStrategy: { type: 'OnDelete' } };
    assert.equal(ofStatefulSet({ metadata: { generation: 9 }, spec }).state, 'done');
    assert.match(ofDaemonSet({ metadata: { generation: 9 }, spec }).text, /OnDelete/);
  });
});

describe('why a pod does not get ready', () => {
  const state = (container: object) => ({
    name: 'app',
    ready: false,
    restartCount: 0,
    image: 'x',
    imageID: '',
    ...container,
  });
  const pods: [string, object, RegExp | undefined][] = [
    ['ready', { containerStatuses: [state({ ready: true, state: { running: {} } })] }, undefined],
    ['starting', { containerStatuses: [state({ state: { waiting: { reason: 'ContainerCreating' } } })] }, undefined],
    [
      'no node',
      { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes fit' }] },
      /Unschedulable: 0\/3 nodes fit/,
    ],
    [
      'image',
      { containerStatuses: [state({ state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } })] },
      /container app: ImagePullBackOff; not found/,
    ],
    [
      'crash loop',
      {
        containerStatuses: [
          state({
            restartCount: 3,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1, reason: 'Error' } },
          }),
        ],
      },
      /CrashLoopBackOff; exited with code 1 \(Error\)/,
    ],
    ['probe', { containerStatuses: [state({ state: { running: {} } })] }, /readiness probe fails/],
    ['evicted', { phase: 'Failed', reason: 'Evicted', message: 'low on memory' }, /Evicted: low on memory/],
  ];
  for (const [what, status, expected] of pods) {
    it(what, () => {
      const pod: object = { metadata: { name: 'pod-1' }, status };
      const problem = podProblem(pod);
      if (expected) assert.match(problem?.text ?? '', expected);
      else assert.equal(problem, undefined);
    });
  }
});
