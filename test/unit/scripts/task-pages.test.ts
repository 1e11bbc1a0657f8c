import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readManifest, root, taskNames } from '../../../scripts/product';
import { pageOf, withTables } from '../../../scripts/task-pages';

describe('the pages of the tasks', () => {
  for (const task of taskNames.filter(name => existsSync(pageOf(name)))) {
    it(`${task}: the tables are those of task.json`, () => {
      const page = readFileSync(pageOf(task), 'utf8');
      const manifest = readManifest(join(root, 'tasks', task));
      assert.equal(page, withTables(page, manifest), 'run npx tsx scripts/task-pages.ts');
      for (const { name } of manifest.inputs) assert.ok(page.includes(`\`${name}\``), `${name} is not on the page`);
    });
  }

  it('are named for their tasks', () => {
    assert.ok(pageOf('SyncK8sConfigMap').endsWith('docs/tasks/sync-k8s-config-map.md'));
    assert.ok(pageOf('DeployOnlineEndpoint').endsWith('docs/tasks/deploy-online-endpoint.md'));
  });
});
