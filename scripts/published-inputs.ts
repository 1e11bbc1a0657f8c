/**
 * `npx tsx scripts/published-inputs.ts` adds the inputs of all tasks to the record of what was ever published. Pipelines name inputs, and a
 * major version is updated under them: an input may get company within it, but can never go or be renamed. A test holds the tasks to the record.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readManifest, root, taskNames } from './product';

const file = join(root, 'scripts/published-inputs.json');

/** Names of inputs by task and major version, such as `Rollback@1`. */
export type PublishedInputs = Readonly<Record<string, readonly string[]>>;

export function publishedInputs(): PublishedInputs {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PublishedInputs) : {};
}

/** The inputs that the tasks have now, in the same form. */
export function presentInputs(): PublishedInputs {
  const entries = taskNames.map(name => {
    const { version, inputs } = readManifest(join(root, 'tasks', name));
    return [`${name}@${version.Major}`, inputs.map(input => input.name).sort()] as const;
  });
  return Object.fromEntries(entries);
}

if (require.main === module) {
  const record = { ...publishedInputs() };
  for (const [task, inputs] of Object.entries(presentInputs()))
    record[task] = [...new Set([...(record[task] ?? []), ...inputs])].sort();
  writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`);
}
