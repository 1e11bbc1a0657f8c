import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parse } from 'yaml';
import { readManifest, root, taskNames } from '../../scripts/product';

const pages = [
  join(root, 'README.md'),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md'))
    .sort()
    .map(file => join(root, 'docs', file)),
];

interface Step {
  task: string;
  inputs: Record<string, unknown>;
}

/** Every `- task:` of ours in a page's YAML, wherever it stands in a pipeline. */
function stepsOf(page: string): Step[] {
  const blocks = [...readFileSync(page, 'utf8').matchAll(/^```ya?ml\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
  const found: Step[] = [];
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('task' in value && taskNames.some(name => value.task === `${name}@1`)) found.push(value as Step);
    Object.values(value).forEach(look);
  };
  blocks.forEach(text => look(parse(text)));
  return found;
}

describe('the pages', () => {
  for (const page of pages) {
    const name = relative(root, page);
    const steps = stepsOf(page);
    if (steps.length > 0) {
      it(`${name}: examples give each task what it knows and needs`, () => {
        for (const { task, inputs } of steps) {
          const manifest = readManifest(join(root, 'tasks', task.replace(/@1$/, '')));
          const known = new Map(manifest.inputs.map(input => [input.name, input]));
          for (const [input, value] of Object.entries(inputs)) {
            const definition = known.get(input);
            assert.ok(definition, `${task} has no input ${input}`);
            const options = Object.keys(definition.options ?? {});
            if (definition.type === 'pickList' && options.length > 0)
              assert.ok(options.includes(String(value)), `${task}: ${input}: ${String(value)}`);
            const isPath =
              definition.type === 'filePath' && !String(value).includes('$(') && String(value).includes('/');
            if (isPath) assert.ok(existsSync(join(root, String(value))), `${task}: ${String(value)} does not exist`);
          }
          for (const { name: input, required, visibleRule, defaultValue } of manifest.inputs) {
            if (required === true && visibleRule === undefined && defaultValue === undefined)
              assert.ok(input in inputs, `${task} needs ${input}`);
          }
        }
      });
    }

    it(`${name}: links lead somewhere`, () => {
      const text = readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        assert.ok(existsSync(resolve(dirname(page), target)), `${target} does not exist`);
      }
    });
  }
});
