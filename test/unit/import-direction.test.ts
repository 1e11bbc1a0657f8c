import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(__dirname, '../..');

/** For each part, what it may import of the repository besides itself, and whether packages are open to it. */
const mayImport: Record<string, { parts: string[]; packages: boolean }> = {
  'lib/release': { parts: [], packages: false },
  'lib/task-error': { parts: [], packages: false },
  'lib/host': { parts: ['lib/task-error'], packages: true },
  'lib/connection': { parts: ['lib/host', 'lib/task-error'], packages: true },
  'lib/azureml': { parts: ['lib/host', 'lib/connection', 'lib/release', 'lib/task-error'], packages: true },
  'lib/kubernetes': { parts: ['lib/host', 'lib/connection', 'lib/release', 'lib/task-error'], packages: true },
  'lib/devops': { parts: ['lib/host', 'lib/release', 'lib/task-error'], packages: true },
  tasks: {
    parts: [
      'lib/devops',
      'lib/host',
      'lib/connection',
      'lib/azureml',
      'lib/kubernetes',
      'lib/release',
      'lib/task-error',
    ],
    packages: true,
  },
  // The command line launches bundles as the local agent does, by the same reading of the agent's protocol.
  cli: {
    parts: ['local', 'lib/host', 'lib/connection', 'lib/azureml', 'lib/release', 'lib/task-error'],
    packages: true,
  },
  // What the pages of the results show is what the tasks attached, so both know its shape.
  tab: { parts: ['lib/release'], packages: true },
  local: { parts: [], packages: true },
  'scoring-runtime': { parts: [], packages: true },
};

function partOf(file: string): string {
  const part = Object.keys(mayImport).find(
    name => file === name || file === `${name}.ts` || file.startsWith(`${name}/`),
  );
  assert.ok(part, `${file} belongs to no part of the layout; see docs/architecture.md`);
  return part;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !/(^|\/)(node_modules|dist)\//.test(file))
    .map(file => `${folder}/${file}`);
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [
    ...text.matchAll(/(?:^|\s)(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g),
  ].map(match => match[1] ?? match[2] ?? '');
}

describe('imports point one way', () => {
  for (const file of ['cli', 'lib', 'tasks', 'tab', 'local', 'scoring-runtime/src'].flatMap(sources)) {
    it(file, () => {
      const part = partOf(file);
      for (const specifier of importsOf(file)) {
        if (!specifier.startsWith('.')) {
          assert.ok(
            mayImport[part]?.packages,
            `${file} imports ${specifier}, but ${part} imports nothing but the language`,
          );
          continue;
        }
        const target = partOf(relative(root, resolve(root, dirname(file), specifier)).replaceAll('\\', '/'));
        if (part === 'tasks') {
          const [task, other] = [file, relative(root, resolve(root, dirname(file), specifier))].map(
            path => path.split('/')[1],
          );
          if (target === 'tasks') assert.equal(other, task, `${file} imports another task's ${specifier}`);
        }
        assert.ok(
          target === part || mayImport[part]?.parts.includes(target),
          `${file} imports ${specifier}: ${part} must not know ${target}`,
        );
      }
    });
  }
});
