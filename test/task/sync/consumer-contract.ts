import assert from 'node:assert/strict';
import { eventually } from '../../local/kubernetes/test-cluster';
import { failed, log, succeeded } from '../outcome';
import { idleImage, needsMode, podTemplate, readsApp, type SyncCluster, type SyncNamespace } from './sync-cluster';

const checksum = 'guardian-mlops/checksum.app';

/** Who is restarted, how often, and what is waited for. */
export function describeConsumers(cluster: () => SyncCluster): void {
  describe('consumers', () => {
    let space: SyncNamespace;
    beforeEach(async () => (space = await cluster().namespace()));

    it('are found however they read it, restart once when their content changed, and not otherwise', async () => {
      const { name: namespace, apps, batch } = space;
      const volume = { volumes: [{ name: 'v', configMap: { name: 'app', optional: true } }] };
      const mounted = (mount: object) => ({ volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] });
      const secretKey = { secretKeyRef: { name: 'app-secrets', key: 'P', optional: true } };
      const key = (name: string) => ({ configMapKeyRef: { name: 'app', key: name, optional: true } });
      await space.deploy('by-env', { container: { env: [{ name: 'MODE', valueFrom: key('MODE') }] } });
      await space.deploy('by-other-key', { container: { env: [{ name: 'REGION', valueFrom: key('REGION') }] } });
      await space.deploy('by-env-from', { container: readsApp });
      await space.deploy('by-volume', { container: mounted({}), spec: volume });
      await space.deploy('by-sub-path', { container: mounted({ mountPath: '/f', subPath: 'MODE' }), spec: volume });
      await space.deploy('by-projected', {
        container: mounted({}),
        spec: { volumes: [{ name: 'v', projected: { sources: [{ configMap: { name: 'app', optional: true } }] } }] },
      });
      await space.deploy('by-init', {
        spec: { initContainers: [{ name: 'init', image: idleImage, restartPolicy: 'Always', ...readsApp }] },
      });
      await space.deploy('by-secret', { container: { env: [{ name: 'P', valueFrom: secretKey }] } });
      await space.deploy('bystander', {
        container: { envFrom: [{ configMapRef: { name: 'other', optional: true } }] },
      });
      const selector = (name: string) => ({ selector: { matchLabels: { app: name } } });
      await apps.createNamespacedStatefulSet({
        namespace,
        body: {
          metadata: { name: 'set' },
          spec: { serviceName: 'set', replicas: 1, ...selector('set'), template: podTemplate('set', readsApp) },
        },
      });
      await apps.createNamespacedDaemonSet({
        namespace,
        body: {
          metadata: { name: 'daemon' },
          spec: { ...selector('daemon'), template: podTemplate('daemon', readsApp) },
        },
      });
      const job = {
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: idleImage, ...readsApp }] } },
      };
      await batch.createNamespacedCronJob({
        namespace,
        body: { metadata: { name: 'nightly' }, spec: { schedule: '0 3 * * *', jobTemplate: { spec: job } } },
      });

      const inputs = { entries: 'MODE=strict\nREGION=eastus', secretEntries: 'P=secret-p' };
      const run = succeeded(await space.sync(inputs));
      const restarted = (run.outputs['restarted'] ?? '').split(',').sort();
      const readers = [
        'by-env',
        'by-env-from',
        'by-init',
        'by-other-key',
        'by-projected',
        'by-secret',
        'by-sub-path',
        'by-volume',
      ];
      assert.deepEqual(restarted, [
        'daemonset/daemon',
        ...readers.map(name => `deployment/${name}`),
        'statefulset/set',
      ]);
      assert.match(log(run), /deployment\/by-sub-path reads ConfigMap by subPath/);
      assert.match(log(run), /cronjob\/nightly reads ConfigMap by envFrom/);
      for (const name of readers) assert.equal(await space.revision(name), 2, name);

      const later = succeeded(await space.sync({ ...inputs, entries: 'MODE=lenient\nREGION=eastus' }));
      assert.ok(!/by-other-key|by-secret|bystander/.test(later.outputs['restarted'] ?? ''), later.outputs['restarted']);
      const untouched = ['by-other-key', 'by-secret', 'bystander'];
      assert.deepEqual(await Promise.all(untouched.map(name => space.revision(name))), [2, 2, 1]);
      assert.equal(
        succeeded(await space.sync({ ...inputs, entries: 'MODE=lenient\nREGION=eastus' })).outputs['restarted'],
        '',
      );
    });

    it('are those that are listed, or that a selector finds', async () => {
      await space.deploy('one', { container: readsApp });
      await space.deploy('two', { container: readsApp, labels: { tier: 'front' } });
      await space.deploy('by-api', { labels: { tier: 'front' } });
      const listed = succeeded(await space.sync({ entries: 'A=1', consumers: 'deployment/one\ndeployments/by-api' }));
      assert.equal(listed.outputs['restarted'], 'deployment/by-api,deployment/one');
      assert.ok(listed.issues.some(issue => /Not listed in consumers.*deployment\/two/.test(issue.message)));
      const chosen = succeeded(await space.sync({ entries: 'A=2', consumers: 'selector: tier=front' }));
      assert.equal(chosen.outputs['restarted'], 'deployment/by-api,deployment/two');
      assert.match(
        failed(await space.sync({ entries: 'A=3', consumers: 'deployment/oen' })),
        /has no deployment\/oen. It has: .*deployment\/one/,
      );
      assert.deepEqual(await space.configMap(), { A: '2' });
      const nobody = succeeded(await space.sync({ entries: 'A=3', restartConsumers: 'false' }));
      assert.equal(nobody.outputs['restarted'], '');
      assert.deepEqual(await space.configMap(), { A: '3' });
      const everybody = succeeded(await space.sync({ entries: 'A=3' }));
      assert.equal(
        everybody.outputs['restarted'],
        'deployment/by-api,deployment/one,deployment/two'.replace('deployment/by-api,', ''),
      );
    });

    it('among 200 workloads are the three that read it', async () => {
      const names = Array.from({ length: 200 }, (_, index) => `w${index}`);
      for (let at = 0; at < names.length; at += 20) {
        await Promise.all(
          names.slice(at, at + 20).map((name, index) =>
            space.deploy(name, {
              replicas: 0,
              ...([0, 60, 140].includes(at) && index === 7 ? { container: readsApp } : {}),
            }),
          ),
        );
      }
      space.proxy.writes.length = 0;
      const run = succeeded(await space.sync({ entries: 'A=1' }));
      assert.equal(run.outputs['restarted'], 'deployment/w147,deployment/w67,deployment/w7');
      assert.deepEqual(
        space.proxy.writes.filter(write => write.includes('deployments')),
        ['w147', 'w67', 'w7'].map(name => `PATCH deployments/${name}`),
      );
    });

    it('restart once although two ConfigMaps changed, and stay as they are in the next run', async () => {
      const source = (name: string) => ({ configMapRef: { name, optional: true } });
      await space.deploy('both', { container: { envFrom: [source('app'), source('flags')] } });
      const inputs = { targets: 'configMap=app\nconfigMap=flags' };
      succeeded(await space.sync({ ...inputs, entries: 'A=1' }));
      assert.equal(await space.revision('both'), 2);
      const run = succeeded(await space.sync({ ...inputs, entries: 'A=2' }));
      assert.equal(run.outputs['restarted'], 'deployment/both');
      assert.equal(await space.revision('both'), 3);
      assert.equal(succeeded(await space.sync({ ...inputs, entries: 'A=2' })).outputs['restarted'], '');
      assert.equal(succeeded(await space.sync({ entries: 'A=2' })).outputs['restarted'], '');
    });

    it('that do not get ready fail the step with the reasons of their pods, and everything goes back', async () => {
      await space.deploy('sturdy', { container: readsApp });
      await space.deploy('needy', { container: { ...needsMode }, replicas: 2 });
      await space.deploy('pulling', { container: readsApp });
      succeeded(await space.sync({ entries: 'MODE=strict', secretEntries: 'P=old-secret' }));
      const before = await space.templateAnnotations('needy');
      const error = failed(await space.sync({ entries: 'OTHER=1', secretEntries: 'P=new-secret' }));
      assert.match(
        error,
        /1 of 3 restarted workloads do not run with the new content:\ndeployment\/needy: .*pod needy-\S+: container app: CreateContainerConfigError; couldn't find key MODE/,
      );
      assert.match(error, /Content and pods are back to what they were \(app at revision 1\)/);
      assert.deepEqual(await space.configMap(), { MODE: 'strict' });
      assert.deepEqual(await space.secret(), { P: 'old-secret' });
      assert.deepEqual(await space.templateAnnotations('needy'), before);
      const pods = (await space.pods('needy')).filter(pod => pod.status?.containerStatuses?.every(one => one.ready));
      assert.ok(pods.length >= 1, 'the old pods answer');
      // Right again, it goes through, and has the number that the failed one did not keep.
      const run = succeeded(await space.sync({ entries: 'MODE=strict\nOTHER=1', secretEntries: 'P=new-secret' }));
      assert.equal(run.outputs['revision'], '2');
    });

    it('that are a StatefulSet go back as well, although it waits for the pod that does not get ready', async () => {
      const { name: namespace, apps } = space;
      await space.applyAs('owner', 'app', { LEVEL: 'info' });
      succeeded(await space.sync({ entries: 'MODE=strict' }));
      const spec = {
        ...{ serviceName: 'set', replicas: 2, selector: { matchLabels: { app: 'set' } } },
        template: podTemplate('set', needsMode),
      };
      await apps.createNamespacedStatefulSet({ namespace, body: { metadata: { name: 'set' }, spec } });
      const ready = async () =>
        (await apps.readNamespacedStatefulSet({ namespace, name: 'set' })).status?.readyReplicas;
      await eventually(async () => ((await ready()) === 2 ? true : undefined));
      const run = await space.sync({ entries: 'OTHER=1' });
      assert.match(failed(run), /statefulset\/set: .*CreateContainerConfigError.*Content and pods are back/s);
      assert.match(log(run), /Deleted pod set-1: statefulset\/set replaces it only then/);
      assert.equal(await ready(), 2);
      assert.deepEqual(await space.configMap(), { LEVEL: 'info', MODE: 'strict' });
    });

    it('that do not get ready keep the new content when that is wanted, and the next run waits for the same restart', async () => {
      await space.deploy('needy', { container: needsMode });
      succeeded(await space.sync({ entries: 'MODE=strict' }));
      const keep = { onRolloutFailure: 'keep' };
      assert.match(failed(await space.sync({ entries: 'OTHER=1', ...keep })), /The new content stays in place/);
      assert.deepEqual(await space.configMap(), { OTHER: '1' });
      // The next run waits for the same restart and starts none; what the first left unproven it can still take back.
      space.proxy.writes.length = 0;
      assert.match(failed(await space.sync({ entries: 'OTHER=1' })), /back to what they were \(app at revision 1\)/);
      assert.deepEqual(
        space.proxy.writes.filter(write => write.includes('deployments')),
        ['PATCH deployments/needy'],
        'the way back is the only restart',
      );
      assert.deepEqual(await space.configMap(), { MODE: 'strict' });
    });

    it('of unschedulable pods and images that cannot be pulled say so', async () => {
      const { name: namespace, apps } = space;
      await space.deploy('reader', { container: readsApp });
      const patch = async (spec: object): Promise<void> => {
        const body = [
          { op: 'add', path: '/spec/paused', value: true },
          ...Object.entries(spec).map(([path, value]: [string, unknown]) => ({ op: 'add', path, value })),
        ];
        await apps.patchNamespacedDeployment({ namespace, name: 'reader', body });
      };
      // A change that is waiting for the next restart: paused, so that it is this restart that starts it.
      await patch({ '/spec/template/spec/nodeSelector': { zone: 'nowhere' }, '/spec/progressDeadlineSeconds': 4 });
      await apps.patchNamespacedDeployment({
        namespace,
        name: 'reader',
        body: [{ op: 'remove', path: '/spec/paused' }],
      });
      const error = failed(await space.sync({ entries: 'A=1', onRolloutFailure: 'keep' }));
      assert.match(error, /deployment\/reader: .*(progress|deadline).*Unschedulable: .*node/i);
      await patch({
        '/spec/template/spec/nodeSelector': {},
        '/spec/template/spec/containers/0/image': 'registry.k8s.io/pause:missing',
      });
      await apps.patchNamespacedDeployment({
        namespace,
        name: 'reader',
        body: [{ op: 'remove', path: '/spec/paused' }],
      });
      const pulling = failed(await space.sync({ entries: 'A=2', onRolloutFailure: 'keep' }));
      assert.match(pulling, /container app: (ErrImagePull|ImagePullBackOff)/);
      assert.ok((await space.templateAnnotations('reader'))[checksum]);
    });
  });
}
