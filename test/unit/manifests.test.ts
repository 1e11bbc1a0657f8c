import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { presentInputs, publishedInputs } from '../../scripts/published-inputs';
import { readManifest, readPackageJson, root, taskNames } from '../../scripts/product';

const extension = JSON.parse(readFileSync(join(root, 'vss-extension.json'), 'utf8')) as {
  description: string;
  scopes: string[];
  contributions: {
    id: string;
    type: string;
    targets: string[];
    properties: { name: string; uri?: string; supportsTasks?: string[] };
  }[];
  files: { path: string; packagePath?: string; addressable?: boolean }[];
  content: Record<string, { path: string }>;
  icons: Record<string, string>;
  screenshots?: { path: string }[];
};
const taskContributions = extension.contributions.filter(item => item.type === 'ms.vss-distributed-task.task');
const tabs = extension.contributions.filter(item => item.type === 'ms.vss-build-web.build-results-tab');

describe('the extension and its tasks', () => {
  it('contribute exactly the task folders', () => {
    const contributed = taskContributions.map(item => item.properties.name.replace('tasks/', '')).sort();
    assert.deepEqual(contributed, taskNames);
    assert.equal(new Set(extension.contributions.map(item => item.id)).size, extension.contributions.length);
    for (const { targets } of taskContributions) assert.deepEqual(targets, ['ms.vss-distributed-task.tasks']);
  });

  it('have a page of documentation each, and no page without a task', () => {
    const pages = readdirSync(join(root, 'docs/tasks')).map(file => file.replace('.md', ''));
    const dashed = (name: string): string => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
    assert.deepEqual(pages.sort(), taskNames.map(dashed).sort());
  });

  it('contribute one tab to the results of builds, shown where a task ran that reports to it', () => {
    assert.equal(tabs.length, 1);
    const tab = tabs[0]!;
    assert.deepEqual(tab.targets, ['ms.vss-build-web.build-results-view']);
    assert.equal(tab.properties.name, 'Guardian ML');
    assert.ok(existsSync(join(root, tab.properties.uri ?? '')), 'its page is there');
    const reporting = ['SubmitTrainingJob', 'RegisterModel', 'DeployOnlineEndpoint', 'Rollback'];
    const ids = reporting.map(name => readManifest(join(root, 'tasks', name)).id);
    assert.deepEqual([...(tab.properties.supportsTasks ?? [])].sort(), ids.sort());
    assert.ok(
      extension.files.some(({ path, addressable }) => path === 'tab' && addressable),
      'browsers may load it',
    );
    // The tab reads the build with the token that the page gives it; the tasks need no scope.
    assert.deepEqual(extension.scopes, ['vso.build']);
    assert.equal(tabs.length + taskContributions.length, extension.contributions.length, 'nothing else is contributed');
  });

  describe('are as the official schema of task.json has it', () => {
    const file = join(root, 'test/fixtures/task-schema/tasks.schema.json');
    // It says draft 4, whose own schema ajv lacks, and uses nothing that later drafts read otherwise.
    const schema = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    for (const key of ['$schema', 'id']) Reflect.deleteProperty(schema, key);
    const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: false }).compile(
      schema,
    );
    for (const name of taskNames) {
      it(name, () => {
        const manifest = { ...readManifest(join(root, 'tasks', name)) } as object & { $schema?: string };
        delete manifest.$schema;
        validate(manifest);
        // The service keeps an input's properties as texts, and Microsoft's own tasks write this one as a text, too.
        const wrong = (validate.errors ?? []).filter(
          ({ instancePath }) => !instancePath.endsWith('/properties/resizable'),
        );
        assert.deepEqual(wrong, []);
      });
    }
  });

  it('have a description that the Marketplace takes', () => assert.ok(extension.description.length <= 200));

  it('still have every input that was ever published, and a record of all that they have', () => {
    const [published, present] = [publishedInputs(), presentInputs()];
    for (const [task, inputs] of Object.entries(published))
      for (const input of inputs) assert.ok(present[task]?.includes(input), `${task} has lost its input ${input}`);
    assert.deepEqual(present, published, 'npx tsx scripts/published-inputs.ts records new inputs');
  });

  it('have ids of their own', () => {
    const ids = taskNames.map(name => readManifest(join(root, 'tasks', name)).id);
    assert.equal(new Set(ids).size, ids.length);
  });

  for (const name of taskNames) {
    describe(name, () => {
      const manifest = readManifest(join(root, 'tasks', name));
      const groups = new Set((manifest.groups ?? []).map(group => group.name));

      it('is named as its folder, in at most 40 characters for the editor', () => {
        assert.equal(manifest.name, name);
        assert.ok(manifest.friendlyName.length <= 40, manifest.friendlyName);
      });

      it('runs the same bundle on both handlers', () => {
        assert.deepEqual(manifest.execution, { Node20_1: { target: 'index.js' }, Node24: { target: 'index.js' } });
      });

      it('explains every input', () => {
        for (const input of manifest.inputs) {
          assert.ok(input.label, `${input.name} has no label`);
          assert.ok((input.helpMarkDown ?? '').length > 10, `${input.name} has no help`);
          if (input.groupName)
            assert.ok(groups.has(input.groupName), `${input.name} is in the unknown group ${input.groupName}`);
        }
      });

      it('offers defaults that are among the options', () => {
        for (const input of manifest.inputs.filter(item => item.options)) {
          assert.ok(
            Object.keys(input.options ?? {}).includes(String(input.defaultValue)),
            `${input.name} defaults to ${String(input.defaultValue)}`,
          );
        }
      });

      it('writes visible rules that the editor can evaluate', () => {
        const names = new Set(manifest.inputs.map(input => input.name));
        for (const { name: input, visibleRule } of manifest.inputs) {
          for (const part of visibleRule?.split(/ && | \|\| /) ?? []) {
            const match = /^(\w+) (?:=|!=) \S*$/.exec(part);
            assert.ok(match?.[1] && names.has(match[1]), `${input}: ${visibleRule ?? ''}`);
          }
        }
      });

      it('may set its documented outputs and nothing else', () => {
        const documented = (manifest.outputVariables ?? []).map(output => output.name).sort();
        // A family such as metrics.* is described with the output that holds all of it.
        const allowed = [...(manifest.restrictions?.settableVariables?.allowed ?? [])];
        const families = allowed.filter(output => output.endsWith('.*'));
        for (const family of families) assert.ok(documented.includes(family.slice(0, -2)), family);
        assert.deepEqual(allowed.filter(output => !families.includes(output)).sort(), documented);
      });

      it('can be told to change nothing', () => assert.ok(manifest.inputs.some(input => input.name === 'whatIf')));

      it('has an icon', () => assert.ok(existsSync(join(root, 'tasks', name, 'icon.png'))));
    });
  }
});

describe('the scoring runtime', () => {
  it('is tested here with the versions that its container installs', () => {
    const ours = { ...readPackageJson().dependencies, ...readPackageJson().devDependencies };
    const runtime = readPackageJson(join(root, 'scoring-runtime'));
    for (const [name, version] of Object.entries({ ...runtime.dependencies, ...runtime.devDependencies }))
      assert.equal(ours[name], version, name);
  });
});
