import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { parseAllDocuments } from 'yaml';
import { eventually, refusal, TestCluster } from './test-cluster';
import { deployment } from './workload-manifests';

const root = resolve(__dirname, '../../..');
const appImage = 'guardianacr.azurecr.io/guardian-app:1.0.0';
const namespace = 'guardian';

/** Prints its environment's WORD, and ends with 3 unless it is told to stay. */
const script =
  "console.log('word: ' + process.env.WORD); if (process.env.STAY) setInterval(() => {}, 1000); else process.exit(3)";

/** Answers with STATUS until somebody asks for /break, and from then on 500. */
const service =
  "let status = Number(process.env.STATUS); require('http').createServer((q, s) => { if (q.url === '/break') status = 500; s.writeHead(status).end(); }).listen(process.env.PORT)";

describe('pods that really run', () => {
  const cluster = new TestCluster({
    [appImage]: { command: process.execPath, args: ['server.mjs'], cwd: resolve(root, 'samples/guardian-app') },
    'example.com/service:1': { command: process.execPath, args: ['-e', service], cwd: root },
    'example.com/script:1': { command: process.execPath, args: ['-e', script], cwd: root },
  });
  let core: k8s.CoreV1Api;
  let apps: k8s.AppsV1Api;
  const connect = (): void => {
    core = cluster.config.makeApiClient(cluster.client.CoreV1Api);
    apps = cluster.config.makeApiClient(cluster.client.AppsV1Api);
  };
  before(async () => {
    await cluster.start();
    connect();
  });
  after(async () => {
    await cluster.remove();
    assert.deepEqual(cluster.processes(), []);
  });
  afterEach(() => assert.deepEqual(cluster.log, []));

  const pods = async (name: string): Promise<k8s.V1Pod[]> =>
    (await core.listNamespacedPod({ namespace, labelSelector: `app=${name}` })).items;
  const create = (
    name: string,
    container: Partial<k8s.V1Container>,
    volumes: k8s.V1Volume[] = [],
  ): Promise<k8s.V1Deployment> => {
    const body = deployment(name, { container });
    Object.assign(body.spec?.template.spec ?? {}, { volumes });
    const volumeMounts = volumes.map(volume => ({ name: volume.name, mountPath: `/${volume.name}` }));
    Object.assign(body.spec?.template.spec?.containers[0] ?? {}, { volumeMounts });
    return apps.createNamespacedDeployment({ namespace, body });
  };
  const waiting = (name: string, reason: string): Promise<{ pod: k8s.V1Pod; status: k8s.V1ContainerStatus }> =>
    eventually(async () => {
      const [pod] = await pods(name);
      const status = pod?.status?.containerStatuses?.[0];
      return pod && status?.state?.waiting?.reason === reason ? { pod, status } : undefined;
    });
  const remove = async (name: string): Promise<void> => {
    await apps.deleteNamespacedDeployment({ namespace, name });
    await eventually(async () => ((await pods(name)).length === 0 ? true : undefined));
  };

  it('the sample application reads its ConfigMap, and a changed one after a restart', async () => {
    const manifests = ['guardian-config.yaml', 'deep-vision.yaml'].flatMap(file =>
      parseAllDocuments(readFileSync(resolve(root, 'samples/k8s', file), 'utf8')).map(
        document => document.toJS() as k8s.KubernetesObject & { metadata: { name: string } },
      ),
    );
    const { KubernetesObjectApi, PatchStrategy, setHeaderOptions } = cluster.client;
    const objects = KubernetesObjectApi.makeApiClient(cluster.config);
    for (const object of manifests) {
      await objects.patch(object, undefined, undefined, 'owner', undefined, PatchStrategy.ServerSideApply);
    }
    const url = await eventually(() => cluster.kubernetes.podUrl(namespace, 'deep-vision'));
    const config = async (base: string): Promise<{ missing: string[]; nsfw?: { url: string } }> =>
      (await (await fetch(`${base}/config`)).json()) as { missing: string[]; nsfw?: { url: string } };
    assert.deepEqual((await config(url)).missing, [
      'NSFW_MODEL_ENDPOINT',
      'VIOLENCE_MODEL_ENDPOINT',
      'MODEL_ENDPOINT_KEY',
    ]);

    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    const data = { NSFW_MODEL_ENDPOINT: 'https://example.com/nsfw', MODEL_ENDPOINT_KEY: 'secret' };
    await core.patchNamespacedConfigMap({ namespace, name: 'guardian-config', body: { data } }, merge);
    assert.equal((await config(url)).nsfw, undefined, 'a process keeps the environment that it was started with');
    const template = { metadata: { annotations: { 'example.com/restartedAt': 'now' } } };
    await apps.patchNamespacedDeployment({ namespace, name: 'deep-vision', body: { spec: { template } } }, merge);
    const next = await eventually(() => {
      const found = cluster.kubernetes.podUrl(namespace, 'deep-vision');
      return found === url ? undefined : found;
    });
    const after = await config(next);
    assert.equal(after.nsfw?.url, 'https://example.com/nsfw');
    assert.deepEqual(after.missing, ['VIOLENCE_MODEL_ENDPOINT']);

    const labelSelector = 'app.kubernetes.io/name=deep-vision';
    const pod = await eventually(async () => {
      const { items } = await core.listNamespacedPod({ namespace, labelSelector });
      return items.length === 1 ? items[0] : undefined;
    });
    assert.equal(pod.metadata?.annotations?.['local.guardian/url'], next);
    const log = await core.readNamespacedPodLog({ namespace, name: pod.metadata.name ?? '' });
    assert.match(log, /"message":"listening"/);
  });

  it('a program that ends is started again with growing pauses, and its last log can be read', async () => {
    await create('crashing', { image: 'example.com/script:1', env: [{ name: 'WORD', value: 'first' }] });
    const { pod, status } = await waiting('crashing', 'CrashLoopBackOff');
    assert.match(status.state?.waiting?.message ?? '', /^back-off 1s restarting failed container=app pod=crashing-/);
    assert.equal(status.lastState?.terminated?.exitCode, 3);
    assert.ok(status.restartCount > 0);
    const later = await eventually(async () => {
      const [found] = await pods('crashing');
      const { message } = found?.status?.containerStatuses?.[0]?.state?.waiting ?? {};
      return message?.includes('back-off 2s') ? message : undefined;
    });
    assert.ok(later);
    const name = pod.metadata?.name ?? '';
    assert.equal(await core.readNamespacedPodLog({ namespace, name, previous: true }), 'word: first\n');
    const { items } = await core.listNamespacedEvent({ namespace, fieldSelector: `involvedObject.name=${name}` });
    assert.ok(items.some(({ reason, type }) => reason === 'BackOff' && type === 'Warning'));
    await remove('crashing');
  });

  it('a reference to what is not there keeps the container from being made until it is there', async () => {
    const valueFrom = { configMapKeyRef: { name: 'words', key: 'word' } };
    const env = [
      { name: 'STAY', value: '1' },
      { name: 'WORD', valueFrom },
    ];
    await create('referring', { image: 'example.com/script:1', env });
    const { status } = await waiting('referring', 'CreateContainerConfigError');
    assert.equal(status.state?.waiting?.message, 'configmap "words" not found');
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'words' }, data: { word: 'found' } } });
    const log = await eventually(async () => {
      const [pod] = await pods('referring');
      if (!pod?.status?.containerStatuses?.[0]?.ready) return undefined;
      return (await core.readNamespacedPodLog({ namespace, name: pod.metadata?.name ?? '' })) || undefined;
    });
    assert.equal(log, 'word: found\n');
    await remove('referring');
  });

  const httpGet = { path: '/', port: 8080 };

  it('a pod is not ready while its readiness probe fails, and a warning says so', async () => {
    const readinessProbe = { httpGet, periodSeconds: 1 };
    await create('unready', {
      image: 'example.com/service:1',
      env: [{ name: 'STATUS', value: '503' }],
      readinessProbe,
    });
    const warning = await eventually(async () => {
      const { items } = await core.listNamespacedEvent({ namespace, fieldSelector: 'reason=Unhealthy' });
      return items.find(({ involvedObject }) => involvedObject.name?.startsWith('unready-'));
    });
    assert.equal(warning.message, 'Readiness probe failed: HTTP probe failed with statuscode: 503');
    const [pod] = await pods('unready');
    assert.equal(pod?.status?.phase, 'Running');
    assert.equal(pod.status.conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
    assert.equal(cluster.kubernetes.podUrl(namespace, 'unready'), undefined);
    await remove('unready');
  });

  it('a container whose liveness probe fails is started again', async () => {
    const livenessProbe = { httpGet, initialDelaySeconds: 1, periodSeconds: 1, failureThreshold: 1 };
    await create('sick', { image: 'example.com/service:1', env: [{ name: 'STATUS', value: '200' }], livenessProbe });
    const url = await eventually(() => cluster.kubernetes.podUrl(namespace, 'sick'));
    // Without a readiness probe a pod is ready before its program listens.
    await eventually(() =>
      fetch(`${url}/break`).then(
        () => true,
        () => undefined,
      ),
    );
    const status = await eventually(async () => {
      const [pod] = await pods('sick');
      const found = pod?.status?.containerStatuses?.[0];
      return found?.restartCount === 1 && found.state?.running ? found : undefined;
    });
    assert.equal(status.lastState?.terminated?.exitCode, 143);
    await remove('sick');
  });

  /** The log of a Deployment's first pod, once it has one. */
  const firstLog = (name: string): Promise<string> =>
    eventually(async () => {
      const [pod] = await pods(name);
      if (!pod?.status?.containerStatuses?.[0]?.state?.running) return undefined;
      return (await core.readNamespacedPodLog({ namespace, name: pod.metadata?.name ?? '' })) || undefined;
    });
  const eventsOf = async (prefix: string): Promise<k8s.CoreV1Event[]> =>
    (await core.listNamespacedEvent({ namespace })).items.filter(one => one.involvedObject.name?.startsWith(prefix));

  it('volumes lie below a folder that the container is told, follow their objects, and go with the pod', async () => {
    const reader =
      "const fs = require('fs'); const show = () => console.log([process.argv[1], process.env.CONFIG].map(f => fs.readFileSync(f, 'utf8')).join(' ') + ' ' + fs.readFileSync(process.env.CONTAINER_SANDBOX_MOUNT_POINT + '/etc/pod/name', 'utf8')); show(); fs.writeFileSync(process.env.CACHE + '/x', ''); setInterval(show, 50)";
    await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: 'files' }, data: { a: 'one', b: 'no' } },
    });
    await core.createNamespacedSecret({
      namespace,
      body: { metadata: { name: 'files' }, stringData: { key: 'hush' } },
    });
    const body = deployment('mounting', {
      container: {
        image: 'example.com/script:1',
        args: ['-e', reader, '/etc/config/renamed'],
        env: [
          { name: 'CONFIG', value: '/etc/secret/key' },
          { name: 'CACHE', value: '/cache' },
        ],
        volumeMounts: [
          { name: 'config', mountPath: '/etc/config' },
          { name: 'all', mountPath: '/etc/secret' },
          { name: 'pod', mountPath: '/etc/pod/' },
          { name: 'cache', mountPath: '/cache' },
        ],
      },
    });
    Object.assign(body.spec?.template.spec ?? {}, {
      volumes: [
        { name: 'config', configMap: { name: 'files', items: [{ key: 'a', path: 'renamed' }] } },
        {
          name: 'all',
          projected: { sources: [{ secret: { name: 'files' } }, { configMap: { name: 'none', optional: true } }] },
        },
        { name: 'pod', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
        { name: 'cache', emptyDir: {} },
      ],
    });
    await apps.createNamespacedDeployment({ namespace, body });
    assert.match(await firstLog('mounting'), /^one hush mounting-/);
    const told = (await eventsOf('mounting-')).find(({ reason }) => reason === 'VolumesBelowFolder');
    assert.match(told?.message ?? '', /finds its volumes below .+, which CONTAINER_SANDBOX_MOUNT_POINT says/);
    await core.replaceNamespacedConfigMap({
      namespace,
      name: 'files',
      body: { metadata: { name: 'files' }, data: { a: 'two' } },
    });
    await eventually(async () => ((await firstLog('mounting')).includes('two hush') ? true : undefined));
    const volumes = resolve(cluster.folder, 'kubernetes/pods');
    assert.equal(readdirSync(volumes).length, 1);
    await remove('mounting');
    await eventually(() => (readdirSync(volumes).length === 0 ? true : undefined));
  });

  it('a volume whose object is missing keeps the container from being made, and says so', async () => {
    const body = deployment('unmounted', { container: { image: 'example.com/script:1' } });
    const spec = body.spec?.template.spec;
    Object.assign(spec ?? {}, {
      volumes: [
        { name: 'config', configMap: { name: 'no-such' } },
        { name: 'host', hostPath: { path: '/' } },
      ],
    });
    await apps.createNamespacedDeployment({ namespace, body });
    const failed = (text: string): Promise<boolean> =>
      eventually(async () => {
        const found = (await eventsOf('unmounted-')).filter(({ reason }) => reason === 'FailedMount');
        return found.some(({ message }) => message === text) ? true : undefined;
      });
    await failed('MountVolume.SetUp failed for volume "config" : configmap "no-such" not found');
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'no-such' } } });
    await failed('MountVolume.SetUp failed for volume "host" : local Kubernetes has no volumes of hostPath');
    await remove('unmounted');
  });

  it('probes and hooks run commands', async () => {
    const node = (text: string): { command: string[] } => ({ command: [process.execPath, '-e', text] });
    const file = '/work/said';
    const append = (word: string): { command: string[] } =>
      node(`require('fs').appendFileSync(process.env.FILE, '${word} ')`);
    await create(
      'hooked',
      {
        image: 'example.com/script:1',
        env: [
          { name: 'STAY', value: '1' },
          { name: 'FILE', value: file },
        ],
        lifecycle: { postStart: { exec: append('started') }, preStop: { exec: append('stopping') } },
        readinessProbe: {
          exec: node("process.exit(require('fs').readFileSync(process.env.FILE, 'utf8') ? 0 : 1)"),
          timeoutSeconds: 5,
        },
        livenessProbe: {
          exec: node("console.log('not well'); process.exit(1)"),
          periodSeconds: 1,
          failureThreshold: 2,
          timeoutSeconds: 5,
        },
      },
      [{ name: 'work', persistentVolumeClaim: { claimName: 'work' } }],
    );
    const claim = {
      metadata: { name: 'work' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    await core.createNamespacedPersistentVolumeClaim({ namespace, body: claim });
    await eventually(async () =>
      (await pods('hooked'))[0]?.status?.containerStatuses?.[0]?.restartCount === 1 ? true : undefined,
    );
    const all = await eventsOf('hooked-');
    assert.ok(all.some(({ message }) => message === 'Liveness probe failed: not well'));
    assert.ok(all.some(({ reason, message }) => reason === 'Killing' && message?.includes('failed liveness probe')));
    const claims = resolve(cluster.folder, 'kubernetes/claims');
    const said = (): string =>
      readdirSync(claims)
        .map(uid => readFileSync(resolve(claims, uid, 'said'), 'utf8'))
        .join();
    await eventually(() => (said().startsWith('started stopping started') ? true : undefined));
    await remove('hooked');
    await core.deleteNamespacedPersistentVolumeClaim({ namespace, name: 'work' });
    await eventually(() => (readdirSync(claims).length === 0 ? true : undefined));
  });

  it('a pod of an unknown image is ready, says that nothing runs, and has nothing to log', async () => {
    await create('simulated', {});
    const pod = await eventually(async () => {
      const [found] = await pods('simulated');
      return found?.status?.containerStatuses?.[0]?.ready ? found : undefined;
    });
    assert.equal(pod.metadata?.annotations?.['local.guardian/simulated'], 'true');
    assert.equal(await core.readNamespacedPodLog({ namespace, name: pod.metadata.name ?? '' }), '');
    await remove('simulated');
  });

  it('after a restart of the server everything is there again, and what ran runs', async () => {
    await create('staying', { image: 'example.com/script:1', env: [{ name: 'STAY', value: '1' }] });
    const ready = (): Promise<k8s.V1Pod> =>
      eventually(async () => {
        const [pod] = await pods('staying');
        return pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
          ? pod
          : undefined;
      });
    const before = await ready();
    const created = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'kept' } } });
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'gone' } } });
    await core.deleteNamespacedConfigMap({ namespace, name: 'gone' });
    const version = Number((await core.listNamespacedConfigMap({ namespace })).metadata?.resourceVersion);
    const { serviceAccountToken } = cluster.kubernetes;
    const [user] = cluster.config.users;

    assert.notDeepEqual(cluster.processes(), []);
    await cluster.stop();
    assert.deepEqual(cluster.processes(), []);
    await cluster.start();
    connect();

    assert.equal(cluster.kubernetes.serviceAccountToken, serviceAccountToken);
    assert.equal(cluster.config.users[0]?.token, user?.token);
    const kept = await core.readNamespacedConfigMap({ namespace, name: 'kept' });
    assert.equal(kept.metadata?.uid, created.metadata?.uid);
    assert.equal((await refusal(core.readNamespacedConfigMap({ namespace, name: 'gone' }))).code, 404);
    const next = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'next' } } });
    assert.ok(Number(next.metadata?.resourceVersion) > version, 'versions go on growing');
    const again = await ready();
    assert.equal(again.metadata?.uid, before.metadata?.uid);
    assert.equal(again.status?.containerStatuses?.[0]?.restartCount, 1);
    await eventually(() => cluster.kubernetes.podUrl(namespace, 'deep-vision'));
  });
});
