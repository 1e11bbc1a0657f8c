import assert from 'node:assert/strict';
import { systemClock } from '../../../lib/host/clock';
import { kubeconfigAccess } from '../../../lib/connection/kubernetes-kubeconfig';
import { openCluster } from '../../../lib/kubernetes/cluster';
import { listRevisions, restoreRevision } from '../../../lib/kubernetes/revisions';
import { FakeHost } from '../../support/fake-host';
import { failed, log, succeeded } from '../outcome';
import { needsMode, readsApp, type SyncCluster, type SyncNamespace } from './sync-cluster';

/** Killed runs, two at a time, an API server that goes away, and the way back. */
export function describeInterruptions(cluster: () => SyncCluster): void {
  describe('interruptions', () => {
    let space: SyncNamespace;
    beforeEach(async () => (space = await cluster().namespace()));

    const pendingMarks = async (): Promise<string[]> => {
      const { name: namespace, core } = space;
      const objects = [
        await core.readNamespacedConfigMap({ namespace, name: 'app' }),
        await core.readNamespacedSecret({ namespace, name: 'app-secrets' }),
      ];
      return objects
        .flatMap(one => Object.keys(one.metadata?.annotations ?? {}))
        .filter(name => name.includes('pending'));
    };

    it('killed after any write, the next run finishes it: content, pods and marks agree, and nobody restarts twice', async () => {
      await space.deploy('one', { container: readsApp });
      await space.deploy('two', { container: { ...needsMode } });
      const inputs = (value: string) => ({ entries: `MODE=${value}`, secretEntries: `P=secret-${value}` });
      succeeded(await space.sync(inputs('v0')));
      let revision = await space.revision('one');
      for (let at = 1; ; at++) {
        const value = `v${at}`;
        space.proxy.writes.length = 0;
        let kill = (): void => undefined;
        space.proxy.afterWrite = count => {
          if (count === at) kill();
        };
        const run = await space.sync(inputs(value), { onStart: how => (kill = how) });
        space.proxy.afterWrite = () => undefined;
        const whole = run.result === 'Succeeded';
        if (!whole) {
          assert.equal(space.proxy.writes.length, at, log(run));
          succeeded(await space.sync(inputs(value)));
        }
        const what = `killed after ${space.proxy.writes[at - 1] ?? 'nothing'}`;
        assert.deepEqual(
          [await space.configMap(), await space.secret()],
          [{ MODE: value }, { P: `secret-${value}` }],
          what,
        );
        assert.deepEqual(await pendingMarks(), [], what);
        revision += 1;
        assert.deepEqual([await space.revision('one'), await space.revision('two')], [revision, revision], what);
        space.proxy.writes.length = 0;
        if (whole) {
          assert.ok(at > 6, 'two snapshots, two objects, two restarts and two marks are writes');
          break;
        }
      }
      succeeded(await space.sync(inputs(`v${revision - 2}`)));
      assert.deepEqual(space.proxy.writes, []);
    });

    it('killed between content and restart, a next run that fails goes back to what was good before both', async () => {
      await space.deploy('needy', { container: needsMode });
      succeeded(await space.sync({ entries: 'MODE=good' }));
      let kill = (): void => undefined;
      space.proxy.afterWrite = (_count, write) => {
        if (write === 'PATCH configmaps/app') kill();
      };
      await space.sync({ entries: 'NO_MODE=1' }, { onStart: how => (kill = how) });
      space.proxy.afterWrite = () => undefined;
      assert.deepEqual(await space.configMap(), { NO_MODE: '1' });
      assert.match(failed(await space.sync({ entries: 'NO_MODE=2' })), /back to what they were \(app at revision 1\)/);
      assert.deepEqual(await space.configMap(), { MODE: 'good' });
    });

    it('two runs at the same time end with one content, and all pods with that', async () => {
      for (const name of ['one', 'two', 'three']) await space.deploy(name, { container: readsApp });
      succeeded(await space.sync({ entries: 'A=0\nB=0' }));
      const contents = ['A=1\nB=1', 'A=2\nC=2'];
      const runs = await Promise.all(contents.map(entries => space.sync({ entries })));
      assert.ok(
        runs.some(run => run.result === 'Succeeded'),
        runs.map(log).join('\n----\n'),
      );
      for (const run of runs.filter(one => one.result !== 'Succeeded')) {
        assert.match(failed(run), /somebody else has put other content into ConfigMap/);
      }
      const data = await space.configMap();
      const winner = contents.find(
        text =>
          text ===
          Object.entries(data ?? {})
            .map(([key, value]) => `${key}=${value}`)
            .sort()
            .join('\n'),
      );
      assert.ok(winner, JSON.stringify(data));
      const again = succeeded(await space.sync({ entries: winner }));
      assert.deepEqual(
        [again.outputs['changed'], again.outputs['restarted']],
        ['false', ''],
        runs.map(log).join('\n----\n'),
      );
    });

    it('two steps that write different keys at the same time both succeed, when they leave each other theirs', async () => {
      await space.deploy('reader', { container: readsApp });
      const runs = await Promise.all(
        ['NSFW=1', 'VIOLENCE=2'].map(entries => space.sync({ entries, removeUnlisted: 'false' })),
      );
      runs.forEach(succeeded);
      assert.deepEqual(await space.configMap(), { NSFW: '1', VIOLENCE: '2' });
      const again = succeeded(await space.sync({ entries: 'NSFW=1\nVIOLENCE=2' }));
      assert.deepEqual([again.outputs['changed'], again.outputs['restarted']], ['false', '']);
    });

    it('an API server that goes away during a rollout is waited for', async () => {
      await space.deploy('reader', { container: readsApp });
      space.proxy.afterWrite = (_count, write) => {
        if (write === 'PATCH deployments/reader') space.proxy.refuse(3);
      };
      const run = succeeded(await space.sync({ entries: 'A=1' }));
      space.proxy.afterWrite = () => undefined;
      assert.equal(run.outputs['restarted'], 'deployment/reader');
      assert.deepEqual(await space.configMap(), { A: '1' });
    });

    it('cancelled between content and restart, it says that the next run finishes', async () => {
      await space.deploy('reader', { container: readsApp });
      const cancel = new AbortController();
      space.proxy.afterWrite = async (_count, write) => {
        if (write !== 'PATCH configmaps/app') return;
        cancel.abort();
        // Until the task has heard of it, the answer is on its way.
        await heard;
      };
      let tell = (): void => undefined;
      const heard = new Promise<void>(resolve => (tell = resolve));
      const onLine = (line: string): void => {
        if (line.includes('next run finds it')) tell();
      };
      const run = await space.sync({ entries: 'A=1' }, { signal: cancel.signal, onLine });
      space.proxy.afterWrite = () => undefined;
      assert.equal(run.result, 'Canceled');
      assert.match(log(run), /What is written stays; the next run finds it and finishes it/);
      assert.equal(succeeded(await space.sync({ entries: 'A=1' })).outputs['restarted'], 'deployment/reader');
    });

    it('old contents are kept, numbered, cleared away when there are enough, and can be restored', async () => {
      const { name: namespace, core } = space;
      await space.deploy('reader', { container: readsApp });
      for (const value of [1, 2, 3, 4]) {
        const variables = [{ name: 'Build.BuildNumber', value: `run-${value}`, isSecret: false }];
        succeeded(
          await space.sync({ entries: `A=${value}`, secretEntries: `P=p-${value}`, keepSnapshots: '2' }, { variables }),
        );
      }
      const labelSelector = 'guardian-mlops/snapshot-of=app';
      const names = [
        ...(await core.listNamespacedConfigMap({ namespace, labelSelector })).items,
        ...(await core.listNamespacedSecret({ namespace, labelSelector })).items,
      ].map(one => one.metadata?.name);
      assert.deepEqual(names.sort(), ['app-secrets.r2', 'app-secrets.r3', 'app.r2', 'app.r3']);

      const host = Object.assign(new FakeHost(), { clock: systemClock });
      const access = await kubeconfigAccess(space.kubeconfig, { what: 'the kubeconfig' }, host);
      const opened = await openCluster(access, systemClock, host.signal);
      const pair = { namespace, configMapName: 'app', secretName: 'app-secrets' };
      const revisions = await listRevisions(opened, pair);
      assert.deepEqual(
        revisions.map(one => [one.revision, one.build, one.current]),
        [
          [4, 'run-4', true],
          [3, 'run-3', false],
          [2, 'run-2', false],
        ],
      );
      const rules: Parameters<typeof restoreRevision>[3] = {
        consumers: { kind: 'found' },
        timeoutMilliseconds: 30_000,
        onRolloutFailure: 'restore',
        keepSnapshots: 5,
        whatIf: false,
      };
      const restored = await restoreRevision(opened, pair, 2, rules, host);
      assert.deepEqual(
        restored.consumers.filter(one => one.stale).map(one => one.workload.name),
        ['reader'],
      );
      assert.deepEqual([await space.configMap(), await space.secret()], [{ A: '2' }, { P: 'p-2' }]);
      const [now] = await listRevisions(opened, pair);
      assert.deepEqual([now?.revision, now?.build], [5, 'run-2']);
      await assert.rejects(
        restoreRevision(opened, pair, 1, rules, host),
        /no kept content for revision 1. Kept are the revisions 5, 4, 3, 2/,
      );
    });
  });
}
