import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiException, CoreV1Api } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { startLocalCloud, type LocalCloud } from '../../../local/cloud';
import type { RecordedRequest } from '../../../local/requests/request-record';

const namespace = 'guardian';

describe('local Kubernetes: faults on demand', () => {
  let cloud: LocalCloud;
  let folder: string;
  let core: CoreV1Api;
  const recorded: RecordedRequest[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guardian-faults-'));
    cloud = await startLocalCloud({
      port: 0,
      stateDir: folder,
      recordRequest: request => recorded.push(request),
      log: () => undefined,
    });
    const { KubeConfig, CoreV1Api } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(cloud.description.kubeconfig);
    core = config.makeApiClient(CoreV1Api);
  });
  after(async () => {
    await cloud.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('come in the form of the API server, and are counted by path', async () => {
    const body = { metadata: { name: 'settings' }, data: { a: '1' } };
    const path = `api/v1/namespaces/${namespace}/configmaps`;
    cloud.faults.add({
      name: 'too many',
      plane: 'kubernetes',
      method: 'POST',
      path,
      first: 1,
      fault: { type: 'status', status: 429, retryAfterSeconds: 1 },
    });
    await assert.rejects(core.createNamespacedConfigMap({ namespace, body }), (error: ApiException<string>) => {
      const status = JSON.parse(error.body) as { kind: string; reason: string };
      assert.deepEqual([error.code, status.kind, status.reason], [429, 'Status', 'TooManyRequests']);
      assert.equal(error.headers['retry-after'], '1');
      return true;
    });
    await core.createNamespacedConfigMap({ namespace, body });
    cloud.faults.add({
      plane: 'kubernetes',
      method: 'GET',
      path: `${path}/*`,
      first: 1,
      fault: { type: 'token', state: 'expired' },
    });
    await assert.rejects(
      core.readNamespacedConfigMap({ namespace, name: 'settings' }),
      (error: ApiException<string>) => error.code === 401,
    );
    assert.deepEqual((await core.readNamespacedConfigMap({ namespace, name: 'settings' })).data, { a: '1' });

    const posts = recorded.filter(({ plane, method }) => plane === 'kubernetes' && method === 'POST');
    assert.deepEqual(
      posts.map(({ status, fault }) => [status, fault]),
      [
        [429, 'too many'],
        [201, undefined],
      ],
    );
    assert.deepEqual((posts[1]?.body as { data: unknown }).data, { a: '1' });
    assert.equal(posts[1]?.headers.authorization, '***');
  });
});
