/**
 * `tsx scripts/task-pages.ts`: writes the tables of inputs and outputs in docs/tasks/<task>.md from the task.json files,
 * between the marks that stand there. A task without a page, or a page without the marks, is left alone.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readManifest, root, taskNames, type TaskManifest } from './product';

const begin = (what: string): string => `<!-- ${what} from task.json: written by scripts/task-pages.ts -->`;
const end = (what: string): string => `<!-- end of ${what} -->`;

/** `SyncK8sConfigMap` -> `docs/tasks/sync-k8s-config-map.md` */
export function pageOf(task: string): string {
  const name = task
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
  return join(root, 'docs/tasks', `${name}.md`);
}

/** A page's text with its tables as the manifest has them. */
export function withTables(page: string, manifest: TaskManifest): string {
  return replaced(replaced(page, 'inputs', inputTables(manifest)), 'outputs', outputTable(manifest));
}

function replaced(page: string, what: string, table: string): string {
  const [from, to] = [page.indexOf(begin(what)), page.indexOf(end(what))];
  if (from < 0 || to < from) return page;
  return `${page.slice(0, from)}${begin(what)}\n\n${table}\n\n${page.slice(to)}`;
}

/** One table a group, in the editor's order; inputs without a group come first. */
function inputTables({ inputs, groups = [] }: TaskManifest): string {
  const sections = [{ name: undefined, displayName: 'General' }, ...groups];
  return sections
    .map(({ name, displayName }) => ({ displayName, inputs: inputs.filter(input => input.groupName === name) }))
    .filter(section => section.inputs.length > 0)
    .map(section => {
      const rows = section.inputs.map(input => `| \`${input.name}\` | ${describe(input)} | ${defaultOf(input)} |`);
      return [`### ${section.displayName}`, '', '| Input | | Default |', '|---|---|---|', ...rows].join('\n');
    })
    .join('\n\n');
}

function describe(input: TaskManifest['inputs'][number]): string {
  const required = input.required === true || input.required === 'true';
  const options = Object.entries(input.options ?? {}).map(([value, label]) => `\`${value}\` (${label})`);
  const parts = [
    `**${input.label}**${required ? ', required' : ''}.`,
    input.helpMarkDown ?? '',
    options.length > 0 ? `One of ${options.join(', ')}.` : '',
    input.visibleRule ? `Only with \`${input.visibleRule}\`.` : '',
  ];
  return cell(parts.filter(Boolean).join(' '));
}

function defaultOf({ defaultValue }: TaskManifest['inputs'][number]): string {
  return defaultValue === undefined || defaultValue === '' ? '' : `\`${cell(String(defaultValue))}\``;
}

function outputTable({ outputVariables = [] }: TaskManifest): string {
  const rows = outputVariables.map(({ name, description }) => `| \`${name}\` | ${cell(description)} |`);
  return ['| Output | |', '|---|---|', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, '<br>');
}

if (require.main === module) {
  for (const task of taskNames) {
    const page = pageOf(task);
    if (!existsSync(page)) continue;
    const before = readFileSync(page, 'utf8');
    const after = withTables(before, readManifest(join(root, 'tasks', task)));
    if (after !== before) writeFileSync(page, after);
    console.log(`${task}: ${after === before ? 'up to date' : 'written'}`);
  }
}
