import assert from 'node:assert/strict';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { eventually, refusal, type ContractCluster } from './test-cluster';
import { deployment, idleImage, podTemplate } from './workload-manifests';

/** Deployments and their rollouts; any cluster that can pull a public image must pass. */
export function describeRolloutContract(cluster: () => ContractCluster): void {
  describe('rollouts', () => {
    let core: k8s.CoreV1Api;
    let apps: k8s.AppsV1Api;
    let namespace: string;
    let strategic: k8s.ConfigurationOptions;
    let jsonPatch: k8s.ConfigurationOptions;
    before(() => {
      const { client, config } = cluster();
      ({ namespace } = cluster());
      core = config.makeApiClient(client.CoreV1Api);
      apps = config.makeApiClient(client.AppsV1Api);
      strategic = client.setHeaderOptions('Content-Type', client.PatchStrategy.StrategicMergePatch);
      jsonPatch = client.setHeaderOptions('Content-Type', client.PatchStrategy.JsonPatch);
    });

    const read = (name: string): Promise<k8s.V1Deployment> => apps.readNamespacedDeployment({ namespace, name });
    const condition = ({ status }: k8s.V1Deployment, type: string): k8s.V1DeploymentCondition | undefined =>
      status?.conditions?.find(one => one.type === type);
    /** The rule of kubectl rollout status. */
    const rolledOut = (name: string): Promise<k8s.V1Deployment> =>
      eventually(async () => {
        const one = await read(name);
        const { replicas } = one.spec ?? {};
        const { observedGeneration, updatedReplicas, availableReplicas, replicas: all } = one.status ?? {};
        return (observedGeneration ?? 0) >= (one.metadata?.generation ?? 0) &&
          updatedReplicas === replicas &&
          all === replicas &&
          availableReplicas === replicas
          ? one
          : undefined;
      });
    const create = async (body: k8s.V1Deployment): Promise<k8s.V1Deployment> => {
      await apps.createNamespacedDeployment({ namespace, body });
      return rolledOut(body.metadata?.name ?? '');
    };
    const patchTemplate = (name: string, template: object): Promise<k8s.V1Deployment> =>
      apps.patchNamespacedDeployment({ namespace, name, body: { spec: { template } } }, strategic);
    const replicaSets = async (name: string): Promise<k8s.V1ReplicaSet[]> =>
      (await apps.listNamespacedReplicaSet({ namespace, labelSelector: `app=${name}` })).items;
    const pods = async (name: string): Promise<k8s.V1Pod[]> =>
      (await core.listNamespacedPod({ namespace, labelSelector: `app=${name}` })).items;
    const revision = ({ metadata }: { metadata?: k8s.V1ObjectMeta }): string | undefined =>
      metadata?.annotations?.['deployment.kubernetes.io/revision'];

    it('a Deployment brings up its pods and says so', async () => {
      const one = await create(deployment('fresh', { replicas: 3 }));
      assert.equal(condition(one, 'Available')?.status, 'True');
      const progressing = await eventually(async () => {
        const found = condition(await read('fresh'), 'Progressing');
        return found?.reason === 'NewReplicaSetAvailable' ? found : undefined;
      });
      assert.equal(progressing.status, 'True');
      assert.equal(revision(one), '1');
      const running = await pods('fresh');
      assert.equal(running.length, 3);
      for (const pod of running) {
        assert.equal(pod.metadata?.ownerReferences?.[0]?.kind, 'ReplicaSet');
        assert.ok(pod.metadata.labels?.['pod-template-hash']);
      }
    });

    it('an annotation on the template replaces every pod, and keeps the old ReplicaSet at 0', async () => {
      const before = await create(deployment('restarted', { replicas: 2 }));
      const old = (await pods('restarted')).map(({ metadata }) => metadata?.uid);
      await patchTemplate('restarted', { metadata: { annotations: { 'example.com/restartedAt': '1' } } });
      const after = await rolledOut('restarted');
      assert.ok((after.metadata?.generation ?? 0) > (before.metadata?.generation ?? 0));
      assert.equal(revision(after), '2');
      const sets = await eventually(async () => {
        const found = await replicaSets('restarted');
        return found.some(one => one.status?.replicas === 0) ? found : undefined;
      });
      assert.deepEqual(sets.map(one => [revision(one), one.spec?.replicas]).sort(), [
        ['1', 0],
        ['2', 2],
      ]);
      const left = await eventually(async () => {
        const found = await pods('restarted');
        return found.length === 2 ? found : undefined;
      });
      assert.ok(left.every(({ metadata }) => !old.includes(metadata?.uid)));
    });

    it('the same annotation again is no rollout', async () => {
      await create(deployment('unchanged'));
      const template = { metadata: { annotations: { 'example.com/checksum': 'abc' } } };
      await patchTemplate('unchanged', template);
      const { metadata } = await rolledOut('unchanged');
      const again = await patchTemplate('unchanged', template);
      assert.equal(again.metadata?.generation, metadata?.generation);
    });

    it('a strategic merge patch keeps the other containers and variables', async () => {
      const body = deployment('merged', { container: { env: [{ name: 'A', value: '1' }] } });
      body.spec?.template.spec?.containers.push({ name: 'sidecar', image: idleImage });
      await create(body);
      const env = [{ name: 'B', value: '2' }];
      const patched = await patchTemplate('merged', { spec: { containers: [{ name: 'app', env }] } });
      const containers = patched.spec?.template.spec?.containers ?? [];
      assert.deepEqual(containers.map(({ name }) => name).sort(), ['app', 'sidecar']);
      const variables = containers.find(({ name }) => name === 'app')?.env ?? [];
      assert.deepEqual(variables.map(({ name, value }) => `${name}=${value ?? ''}`).sort(), ['A=1', 'B=2']);
      const remove = [{ name: 'A', $patch: 'delete' }];
      const removed = await patchTemplate('merged', { spec: { containers: [{ name: 'app', env: remove }] } });
      const left = removed.spec?.template.spec?.containers.find(({ name }) => name === 'app')?.env ?? [];
      assert.deepEqual(
        left.map(({ name }) => name),
        ['B'],
      );
    });

    it('an image that cannot be pulled: the deadline passes, the old pods stay, undo brings back', async () => {
      await create(deployment('stuck', { progressDeadlineSeconds: 2 }));
      const before = (await read('stuck')).spec?.template;
      const image = 'registry.invalid/nothing:missing';
      await patchTemplate('stuck', { spec: { containers: [{ name: 'app', image }] } });
      const failed = await eventually(async () => {
        const one = await read('stuck');
        return condition(one, 'Progressing')?.status === 'False' ? one : undefined;
      });
      const progressing = condition(failed, 'Progressing');
      assert.equal(progressing?.reason, 'ProgressDeadlineExceeded');
      assert.match(progressing.message ?? '', /^ReplicaSet "stuck-.+" has timed out progressing\.$/);
      assert.equal(failed.status?.availableReplicas, 1);
      assert.equal(condition(failed, 'Available')?.status, 'True');
      const reason = await eventually(async () => {
        const broken = (await pods('stuck')).find(({ spec }) => spec?.containers[0]?.image === image);
        const waiting = broken?.status?.containerStatuses?.[0]?.state?.waiting?.reason;
        return waiting === 'ImagePullBackOff' || waiting === 'ErrImagePull' ? waiting : undefined;
      });
      assert.ok(reason);
      const events = await core.listNamespacedEvent({ namespace, fieldSelector: 'type=Warning' });
      assert.ok(events.items.some(({ message }) => message?.includes(image)));

      // As kubectl rollout undo does it.
      const body = [{ op: 'replace', path: '/spec/template', value: before }];
      await apps.patchNamespacedDeployment({ namespace, name: 'stuck', body }, jsonPatch);
      const undone = await rolledOut('stuck');
      assert.equal(revision(undone), '3');
      assert.equal((await replicaSets('stuck')).length, 2);
    });

    it('a pod that no node takes says why', async () => {
      const body = deployment('homeless');
      Object.assign(body.spec?.template.spec ?? {}, { nodeSelector: { 'example.com/no-such-node': 'true' } });
      await apps.createNamespacedDeployment({ namespace, body });
      const scheduled = await eventually(async () => {
        const [pod] = await pods('homeless');
        return pod?.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
      });
      assert.equal(scheduled.reason, 'Unschedulable');
      assert.match(scheduled.message ?? '', /nodes are available/);
      await apps.deleteNamespacedDeployment({ namespace, name: 'homeless' });
    });

    it('scaling goes through the scale subresource', async () => {
      await create(deployment('scaled'));
      const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'scaled' });
      const body = { metadata: scale.metadata, spec: { replicas: 2 } } as k8s.V1Scale;
      await apps.replaceNamespacedDeploymentScale({ namespace, name: 'scaled', body });
      assert.equal((await rolledOut('scaled')).status?.readyReplicas, 2);
      assert.equal(revision(await read('scaled')), '1');
    });

    it('deleting a Deployment deletes what it owns', async () => {
      await create(deployment('deleted'));
      await apps.deleteNamespacedDeployment({ namespace, name: 'deleted', gracePeriodSeconds: 0 });
      await eventually(async () =>
        (await replicaSets('deleted')).length + (await pods('deleted')).length === 0 ? true : undefined,
      );
      assert.equal((await refusal(read('deleted'))).code, 404);
    });

    it('a selector that does not match the template is 422', async () => {
      const body = deployment('wrong');
      Object.assign(body.spec ?? {}, { selector: { matchLabels: { app: 'another' } } });
      const refused = await refusal(apps.createNamespacedDeployment({ namespace, body }));
      assert.equal(refused.code, 422);
      assert.match(refused.message, /`selector` does not match template `labels`/);
    });

    it('a DaemonSet restarts by an annotation and is then at the new generation', async () => {
      const spec = { selector: { matchLabels: { app: 'daemon' } }, template: podTemplate('daemon') };
      await apps.createNamespacedDaemonSet({ namespace, body: { metadata: { name: 'daemon' }, spec } });
      const body = { spec: { template: { metadata: { annotations: { a: '1' } } } } };
      const { metadata } = await apps.patchNamespacedDaemonSet({ namespace, name: 'daemon', body }, strategic);
      const { status } = await eventually(async () => {
        const one = await apps.readNamespacedDaemonSet({ namespace, name: 'daemon' });
        const done = one.status?.observedGeneration === metadata?.generation;
        return done && one.status?.updatedNumberScheduled === one.status?.desiredNumberScheduled ? one : undefined;
      });
      assert.ok(status);
    });

    it('a StatefulSet restarts by an annotation and ends on one revision', async () => {
      const template = podTemplate('stateful');
      const spec = { selector: { matchLabels: { app: 'stateful' } }, serviceName: 'stateful', replicas: 1, template };
      await apps.createNamespacedStatefulSet({ namespace, body: { metadata: { name: 'stateful' }, spec } });
      const body = { spec: { template: { metadata: { annotations: { a: '1' } } } } };
      const { metadata } = await apps.patchNamespacedStatefulSet({ namespace, name: 'stateful', body }, strategic);
      await eventually(async () => {
        const { status } = await apps.readNamespacedStatefulSet({ namespace, name: 'stateful' });
        const done = status?.observedGeneration === metadata?.generation && status?.readyReplicas === 1;
        return done && status.currentRevision === status.updateRevision ? true : undefined;
      });
      const [pod] = await pods('stateful');
      assert.equal(pod?.metadata?.name, 'stateful-0');
      const { items } = await apps.listNamespacedControllerRevision({ namespace, labelSelector: 'app=stateful' });
      assert.deepEqual(items.map(one => one.revision).sort(), [1, 2]);
      const label = pod.metadata.labels?.['controller-revision-hash'];
      assert.equal(label, items.find(one => one.revision === 2)?.metadata?.name);
    });

    it('a StatefulSet with a partition updates only the pods from it on', async () => {
      const template = podTemplate('parted');
      const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 1 } };
      const spec = {
        selector: { matchLabels: { app: 'parted' } },
        serviceName: 'parted',
        replicas: 2,
        template,
        updateStrategy,
      };
      await apps.createNamespacedStatefulSet({ namespace, body: { metadata: { name: 'parted' }, spec } });
      const settled = (updated: number): Promise<k8s.V1StatefulSet> =>
        eventually(async () => {
          const one = await apps.readNamespacedStatefulSet({ namespace, name: 'parted' });
          const { observedGeneration, readyReplicas, updatedReplicas } = one.status ?? {};
          const seen = observedGeneration === one.metadata?.generation;
          return seen && readyReplicas === 2 && updatedReplicas === updated ? one : undefined;
        });
      await settled(2);
      const before = await pods('parted');
      const body = { spec: { template: { metadata: { annotations: { a: '1' } } } } };
      await apps.patchNamespacedStatefulSet({ namespace, name: 'parted', body }, strategic);
      const { status } = await settled(1);
      assert.notEqual(status?.currentRevision, status?.updateRevision);
      const uids = async (): Promise<(string | undefined)[]> =>
        (await pods('parted')).map(({ metadata }) => metadata?.uid);
      const [first, second] = await uids();
      assert.equal(first, before[0]?.metadata?.uid);
      assert.notEqual(second, before[1]?.metadata?.uid);
    });

    it('a pod that requests more than any node has says what is short', async () => {
      const resources = { requests: { cpu: '100000' } };
      await apps.createNamespacedDeployment({ namespace, body: deployment('greedy', { container: { resources } }) });
      const scheduled = await eventually(async () => {
        const [pod] = await pods('greedy');
        return pod?.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
      });
      assert.match(scheduled.message ?? '', /Insufficient cpu/);
      const events = await core.listNamespacedEvent({ namespace, fieldSelector: 'reason=FailedScheduling' });
      assert.ok(events.items.some(({ involvedObject }) => involvedObject.name?.startsWith('greedy-')));
      await apps.deleteNamespacedDeployment({ namespace, name: 'greedy' });
    });
  });
}
