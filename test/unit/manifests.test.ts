import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { presentInputs, publishedInputs } from '../../scripts/published-inputs';
import { readManifest, readPackageJson, root, taskNames } from '../../scripts/product';

const extension = JSON.parse(readFileSync(join(root, 'vss-extension.json'), 'utf8')) as {
  description: string;
  contributions: { id: string; properties: { name: string } }[];
};

describe('the extension and its tasks', () => {
  it('contribute exactly the task folders', () => {
    const contributed = extension.contributions.map(item => item.properties.name.replace('tasks/', '')).sort();
    assert.deepEqual(contributed, taskNames);
    assert.equal(new Set(extension.contributions.map(item => item.id)).size, taskNames.length);
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
