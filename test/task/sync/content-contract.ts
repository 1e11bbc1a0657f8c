import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { succeeded, failed, log } from '../outcome';
import { readsApp, type SyncCluster, type SyncNamespace } from './sync-cluster';

/** What is written, and what is left alone. */
export function describeContent(cluster: () => SyncCluster): void {
  describe('content', () => {
    let space: SyncNamespace;
    beforeEach(async () => (space = await cluster().namespace()));

    it('goes to ConfigMap and Secret, from lines, secret lines and files; a second run writes nothing', async () => {
      const folder = cluster().folder;
      writeFileSync(join(folder, 'ca.pem'), 'first line\nsecond line\n');
      writeFileSync(join(folder, 'more.json'), '{"RETRIES": 3, "DEBUG": false, "REGION": "eastus"}');
      const inputs = {
        entries: `# where\nMODE=strict\nEQUATION = a=b\nCA = file:${join(folder, 'ca.pem')}`,
        secretEntries: 'QUEUE_PASSWORD=hunter2-hunter2',
        entriesFile: join(folder, 'more.json'),
      };
      const run = succeeded(await space.sync(inputs));
      const written = { MODE: 'strict', EQUATION: 'a=b', CA: 'first line\nsecond line\n' };
      assert.deepEqual(await space.configMap(), { ...written, RETRIES: '3', DEBUG: 'false', REGION: 'eastus' });
      assert.deepEqual(await space.secret(), { QUEUE_PASSWORD: 'hunter2-hunter2' });
      assert.ok(!log(run).includes('hunter2') && !run.summaries.join().includes('hunter2'));
      assert.equal(run.outputs['changed'], 'true');
      assert.equal(run.outputs['revision'], '1');
      space.proxy.writes.length = 0;
      const again = succeeded(await space.sync(inputs));
      assert.deepEqual(space.proxy.writes, []);
      assert.deepEqual([again.outputs['changed'], again.outputs['revision']], ['false', '1']);
    });

    it('shows a diff with secrets masked, removes keys of ours that are no longer listed, and no others', async () => {
      await space.applyAs('kubectl', 'app', { LOG_LEVEL: 'info' });
      succeeded(await space.sync({ entries: 'URI=https://old\nMODE=strict\nAPI_KEY=plain-in-the-map' }));
      const run = succeeded(await space.sync({ entries: 'URI=https://new\nNEW=1' }));
      assert.deepEqual(await space.configMap(), { LOG_LEVEL: 'info', URI: 'https://new', NEW: '1' });
      for (const line of ['- API_KEY: ***', '- MODE: strict', '+ NEW: 1', '~ URI: https://old -> https://new']) {
        assert.ok(run.lines.includes(line), `${line} is not in\n${log(run)}`);
      }
      assert.match(log(run), /1 key of others not touched/);
      succeeded(await space.sync({ entries: 'MORE=2', removeUnlisted: 'false' }));
      assert.deepEqual(await space.configMap(), { LOG_LEVEL: 'info', URI: 'https://new', NEW: '1', MORE: '2' });
    });

    it('names owner, field and both values of a conflict and writes nothing; force takes over, skip leaves alone', async () => {
      await space.applyAs('other-tool', 'app', { URI: 'https://theirs', TOKEN: 'theirs3cret' });
      const inputs = { entries: 'URI=https://ours\nTOKEN=ours3cret\nMODE=strict' };
      const error = failed(await space.sync(inputs));
      assert.match(
        error,
        /URI: field \.data\.URI is owned by "other-tool"; theirs: https:\/\/theirs; ours: https:\/\/ours/,
      );
      assert.match(error, /TOKEN: field \.data\.TOKEN is owned by "other-tool"; theirs: \*\*\*; ours: \*\*\*/);
      assert.match(error, /onConflict: force .* skip/);
      assert.deepEqual(await space.configMap(), { URI: 'https://theirs', TOKEN: 'theirs3cret' });

      const skipped = succeeded(await space.sync({ ...inputs, onConflict: 'skip' }));
      assert.match(log(skipped), /Leaving to their owners/);
      assert.deepEqual(await space.configMap(), { URI: 'https://theirs', TOKEN: 'theirs3cret', MODE: 'strict' });

      succeeded(await space.sync({ ...inputs, onConflict: 'force' }));
      assert.deepEqual(await space.configMap(), { URI: 'https://ours', TOKEN: 'ours3cret', MODE: 'strict' });
      assert.match(
        failed(await space.sync({ entries: 'URI=https://later', secretEntries: 'URI=x' })),
        /URI, which another input names/,
      );
    });

    it('what if asks the server, says what would happen, and writes nothing', async () => {
      await space.deploy('reader', { container: { envFrom: [{ configMapRef: { name: 'app', optional: true } }] } });
      space.proxy.writes.length = 0;
      const run = succeeded(await space.sync({ entries: 'MODE=strict', secretEntries: 'P=secret-p', whatIf: 'true' }));
      assert.match(
        log(run),
        new RegExp(
          `- apply Secret ${space.name}/app-secrets\n- apply ConfigMap ${space.name}/app\n- restart deployment/reader`,
        ),
      );
      assert.deepEqual(space.proxy.writes, []);
      assert.equal(await space.configMap(), undefined);
      const refused = await space.sync({ entries: 'bad key=1', whatIf: 'true' });
      assert.match(failed(refused), /bad key/);
    });

    it('is checked for size and keys before anything is written', async () => {
      const file = join(cluster().folder, 'large.txt');
      writeFileSync(file, 'x'.repeat(1024 * 1024));
      succeeded(await space.sync({ entries: `LARGE = file:${file}` }));
      assert.equal((await space.configMap())?.['LARGE']?.length, readFileSync(file).length);
      const error = failed(
        await space.sync({ entries: `LARGE = file:${file}\nONE_MORE=1`, secretEntries: 'P=secret-p' }),
      );
      assert.match(
        error,
        /ConfigMap app would hold 1048577 bytes; Kubernetes takes 1048576 \(largest: LARGE with 1048576 bytes\)/,
      );
      assert.equal(await space.secret(), undefined);
    });

    it('of secrets goes into the ConfigMap only when that is asked for, with a warning', async () => {
      const run = succeeded(await space.sync({ secretEntries: 'P=secret-p', secretsIn: 'configMap' }));
      assert.deepEqual(await space.configMap(), { P: 'secret-p' });
      assert.ok(run.issues.some(issue => issue.type === 'warning' && /P goes into the ConfigMap/.test(issue.message)));
      assert.ok(!log(run).includes('secret-p'));
    });

    it('of an immutable ConfigMap is refused, or goes into a new one that its consumers read', async () => {
      const { name: namespace } = space;
      const body = { metadata: { name: 'app' }, immutable: true, data: { MODE: 'strict', LOG_LEVEL: 'info' } };
      await space.core.createNamespacedConfigMap({ namespace, body });
      await space.deploy('reader', {
        container: { envFrom: [{ configMapRef: { name: 'app' } }], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
        spec: { volumes: [{ name: 'v', projected: { sources: [{ configMap: { name: 'app' } }] } }] },
      });
      const inputs = { entries: 'MODE=lenient' };
      assert.match(
        failed(await space.sync(inputs)),
        /ConfigMap app is immutable, so MODE cannot change there.*whenImmutable/,
      );
      const first = succeeded(await space.sync({ ...inputs, whenImmutable: 'version' }));
      const version = first.outputs['configMapName'] ?? '';
      assert.match(version, /^app-[0-9a-f]{8}$/);
      assert.deepEqual(await space.configMap(version), { MODE: 'lenient', LOG_LEVEL: 'info' });
      assert.deepEqual(await space.configMap(), { MODE: 'strict', LOG_LEVEL: 'info' });
      const reads = async (): Promise<(string | undefined)[]> => {
        const { spec } =
          (await space.apps.readNamespacedDeployment({ namespace, name: 'reader' })).spec?.template ?? {};
        return [
          spec?.containers[0]?.envFrom?.[0]?.configMapRef?.name,
          spec?.volumes?.[0]?.projected?.sources?.[0]?.configMap?.name,
        ];
      };
      assert.deepEqual(await reads(), [version, version]);

      space.proxy.writes.length = 0;
      const again = succeeded(await space.sync({ ...inputs, whenImmutable: 'version' }));
      assert.deepEqual(space.proxy.writes, []);
      assert.equal(again.outputs['configMapName'], version);

      const next = succeeded(await space.sync({ entries: 'MODE=other', whenImmutable: 'version' }));
      assert.notEqual(next.outputs['configMapName'], version);
      assert.deepEqual(await reads(), [next.outputs['configMapName'], next.outputs['configMapName']]);
    });

    it('of a new immutable object with which nobody starts leaves its consumers at the one before', async () => {
      const { name: namespace } = space;
      const body = { metadata: { name: 'app' }, immutable: true, data: { LOG_LEVEL: 'info' } };
      await space.core.createNamespacedConfigMap({ namespace, body });
      await space.deploy('reader', { container: readsApp });
      const whenImmutable = 'version';
      const good = succeeded(await space.sync({ entries: 'MODE=good', whenImmutable })).outputs['configMapName'] ?? '';
      const needs = { name: 'MODE', valueFrom: { configMapKeyRef: { name: good, key: 'MODE' } } };
      await space.deploy('needy', { container: { env: [needs] } });
      const error = failed(await space.sync({ entries: 'OTHER=1', whenImmutable }));
      assert.match(error, /couldn't find key MODE.*Content and pods are back/s);
      const { spec } = (await space.apps.readNamespacedDeployment({ namespace, name: 'needy' })).spec?.template ?? {};
      assert.equal(spec?.containers[0]?.env?.[0]?.valueFrom?.configMapKeyRef?.name, good);
      space.proxy.writes.length = 0;
      assert.equal(succeeded(await space.sync({ entries: 'MODE=good', whenImmutable })).outputs['configMapName'], good);
    });
  });
}
