import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parse } from 'yaml';
import { errorCodes } from '../../lib/task-error';
import { readManifest, root, taskNames } from '../../scripts/product';

/** Every Markdown file that is ours. */
const pages = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(file => file !== '' && !file.startsWith('test/fixtures/'))
  .sort()
  .map(file => join(root, file));

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(page: string): Set<string> {
  const text = readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.matchAll(/^#+ +(.*)$/gm)) {
    const plain = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    for (let n = 0; ; n++) {
      const anchor = n === 0 ? slug : `${slug}-${n}`;
      if (anchors.has(anchor)) continue;
      anchors.add(anchor);
      break;
    }
  }
  return anchors;
}

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
  it('docs/guides/troubleshooting.md says what to do about every code', () => {
    const headings = anchorsOf(join(root, 'docs/guides/troubleshooting.md'));
    assert.deepEqual(
      Object.keys(errorCodes).filter(code => !headings.has(code.toLowerCase())),
      [],
    );
  });

  it('docs/README.md leads to every page', () => {
    const index = readFileSync(join(root, 'docs/README.md'), 'utf8');
    const missing = pages
      .map(page => relative(join(root, 'docs'), page))
      .filter(page => !page.startsWith('..') && page !== 'README.md' && !index.includes(`](${page})`));
    assert.deepEqual(missing, []);
  });

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
      for (const [, target = ''] of text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)) {
        if (/^[a-z]+:/.test(target)) {
          // Without a network only the form can be looked at.
          assert.ok(URL.canParse(target) && /^(https:\/\/[\w.-]+\.[a-z]{2,}(\/|$)|mailto:)/.test(target), target);
          continue;
        }
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : resolve(dirname(page), path);
        assert.ok(existsSync(file), `${target} does not exist`);
        if (anchor !== undefined && file.endsWith('.md'))
          assert.ok(anchorsOf(file).has(anchor), `${target}: there is no such heading`);
      }
    });
  }
});
