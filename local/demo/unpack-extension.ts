import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';

/** Unpacks a .vsix as the service does when an organisation installs it. */
export function unpackExtension(vsix: string, folder: string): { tasksDir: string; tasks: string[] } {
  for (const [name, content] of Object.entries(unzipSync(readFileSync(vsix)))) {
    if (name.endsWith('/')) continue;
    // Entry names in an Open Packaging container are URL-encoded.
    const file = join(folder, decodeURIComponent(name));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const tasksDir = join(folder, 'tasks');
  return { tasksDir, tasks: readdirSync(tasksDir).sort() };
}
