import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { parse } from 'yaml';
import { readManifest, root, taskNames } from '../../scripts/product';

const folder = join(root, 'samples/pipelines');
const files = ['.', 'templates'].flatMap(part =>
  readdirSync(join(folder, part))
    .filter(file => file.endsWith('.yml') && !/^(variable-groups|service-connections)\.yml$/.test(file))
    .map(file => join(part, file)),
);

/**
 * What stands under `${{ if }}` and `${{ each }}` in the place of these, as Microsoft's editor extension does before it
 * validates: the schema knows nothing of them. Of the branches of a chain each counts.
 */
function flattened(value: unknown): unknown {
  if (Array.isArray(value))
    return value.flatMap((item: unknown) => {
      const keys = typeof item === 'object' && item !== null ? Object.keys(item) : [];
      return keys.length > 0 && keys.every(isDirective)
        ? Object.values(item as object).flatMap(flattened)
        : [flattened(item)];
    });
  // A text whose expression is not known yet may be any that its place allows.
  if (typeof value === 'string') return value.replace(/\$\{\{.*?\}\}/g, 'x');
  if (typeof value !== 'object' || value === null) return value;
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) =>
      isDirective(key) ? (flattened(inner) as object) : { [key]: flattened(inner) },
    ),
  ) as unknown;
}

function isDirective(key: string): boolean {
  return /^\$\{\{\s*(if|elseif|else|each|insert)\b/.test(key);
}

/** Every step of our tasks, wherever it stands. */
function stepsOf(value: unknown): { task: string; inputs: Record<string, string> }[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'task' in value && taskNames.some(name => value.task === `${name}@1`);
  return own ? [value as { task: string; inputs: Record<string, string> }] : Object.values(value).flatMap(stepsOf);
}

/** YAML of Kubernetes or of one input is not: that is held against what it belongs to. */
function isPipeline(value: unknown): boolean {
  const keys = [
    'steps',
    'jobs',
    'stages',
    'task',
    'job',
    'deployment',
    'stage',
    'template',
    'checkout',
    'bash',
    'script',
  ];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'object' && first !== null && keys.some(key => key in first);
}

/** The pipeline that a list of stages, jobs or steps stands for. */
function whole(items: unknown[]): object {
  const first = items[0] as object;
  return 'stage' in first
    ? { stages: items }
    : 'job' in first || 'deployment' in first
      ? { jobs: items }
      : { steps: items };
}

describe("the sample pipelines, by Microsoft's schema of Azure Pipelines", () => {
  const file = join(root, 'test/fixtures/azure-pipelines-schema/service-schema.json');
  const schema = JSON.parse(readFileSync(file, 'utf8')) as object;
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: false }).compile(
    schema,
  );

  for (const name of files)
    it(name, () => {
      const pipeline = flattened(parse(readFileSync(join(folder, name), 'utf8'), { schema: 'failsafe' }));
      const ok = validate(pipeline);
      const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'oneOf');
      assert.ok(ok, errors.map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`).join('\n'));
      for (const { task, inputs } of stepsOf(pipeline)) {
        const known = readManifest(join(root, 'tasks', task.replace(/@1$/, ''))).inputs;
        for (const input of Object.keys(inputs))
          assert.ok(
            known.some(one => one.name === input),
            `${task} has no input ${input}`,
          );
      }
    });

  const pages = ['docs', 'samples', '.'].flatMap(part =>
    readdirSync(join(root, part), { recursive: part !== '.', encoding: 'utf8' })
      .filter(file => file.endsWith('.md') && !file.includes('node_modules'))
      .map(file => join(part, file)),
  );
  for (const page of pages) {
    const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```ya?ml\n([\s\S]*?)^```$/gm)]
      .map(([, text = '']) => parse(text, { schema: 'failsafe' }) as unknown)
      .filter(isPipeline);
    if (blocks.length > 0)
      it(`${page}: ${blocks.length} examples`, () => {
        for (const block of blocks) {
          const ok = validate(flattened(Array.isArray(block) ? whole(block) : block));
          assert.ok(ok, `${JSON.stringify(block)}\n${JSON.stringify(validate.errors?.slice(0, 3))}`);
        }
      });
  }

  it('refuses what Azure Pipelines does', () => {
    for (const wrong of [{ stepz: [] }, { jobs: [{ job: 'a', steps: [{ tusk: 'Rollback@1' }] }] }])
      assert.ok(!validate(wrong), JSON.stringify(wrong));
  });
});
