import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { globExpression } from './glob';
import type { Restrictions } from './step-context';

export interface TaskInput {
  name: string;
  aliases: string[];
  type: string;
  defaultValue: string;
  required: boolean;
}

/** What the agent needs of a task.json. */
export interface TaskDefinition {
  folder: string;
  id: string;
  name: string;
  friendlyName: string;
  description: string;
  author: string;
  help: string;
  version: { major: number; minor: number; patch: number };
  inputs: TaskInput[];
  outputNames: string[];
  restrictions: Restrictions;
  /** File of the Node.js handler, relative to the folder, and its working directory if the handler sets one. */
  handler: { name: string; target: string; workingDirectory: string | undefined };
}

/** In the agent's order of preference; older ones are at the end of their life and are not offered here. */
const nodeHandlers = ['Node24', 'Node20_1'];

interface TaskJson {
  id?: string;
  name?: string;
  friendlyName?: string;
  description?: string;
  author?: string;
  helpUrl?: string;
  helpMarkDown?: string;
  version?: Record<'Major' | 'Minor' | 'Patch', number | string>;
  inputs?: { name: string; aliases?: string[]; type?: string; defaultValue?: string | boolean; required?: boolean }[];
  outputVariables?: { name: string }[];
  restrictions?: { commands?: { mode?: string }; settableVariables?: { allowed?: string[] } };
  execution?: Record<string, { target?: string; workingDirectory?: string }>;
  prejobexecution?: object;
  postjobexecution?: object;
}

/**
 * Reads a task's folder.
 * @throws Error that names the folder when it is no task or needs a handler that is not offered here.
 */
export function readTaskDefinition(folder: string): TaskDefinition {
  const file = join(folder, 'task.json');
  if (!existsSync(file)) throw new Error(`${folder} holds no task.json.`);
  const json = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, '')) as TaskJson;
  const name = json.name ?? '';
  for (const phase of ['prejobexecution', 'postjobexecution'] as const) {
    if (json[phase] !== undefined)
      throw new Error(`The task ${name} has a ${phase} handler, which is not supported here.`);
  }
  const handlerName = nodeHandlers.find(key => json.execution?.[key] !== undefined);
  const handler = handlerName === undefined ? undefined : json.execution?.[handlerName];
  if (handlerName === undefined || !handler?.target) {
    throw new Error(
      `The task ${name} has no handler ${nodeHandlers.join(' or ')}, only: ${Object.keys(json.execution ?? {}).join(', ') || 'none'}.`,
    );
  }
  return {
    folder,
    id: json.id ?? '',
    name,
    friendlyName: json.friendlyName ?? name,
    description: json.description ?? '',
    author: json.author ?? '',
    help: json.helpUrl ?? json.helpMarkDown ?? '',
    version: {
      major: Number(json.version?.Major ?? 0),
      minor: Number(json.version?.Minor ?? 0),
      patch: Number(json.version?.Patch ?? 0),
    },
    inputs: (json.inputs ?? []).map(input => ({
      name: input.name.trim(),
      aliases: input.aliases ?? [],
      type: input.type ?? 'string',
      defaultValue: String(input.defaultValue ?? '').trim(),
      required: input.required ?? false,
    })),
    outputNames: (json.outputVariables ?? []).map(variable => variable.name),
    restrictions: {
      restrictedMode: json.restrictions?.commands?.mode?.toLowerCase() === 'restricted',
      settableVariables: json.restrictions?.settableVariables?.allowed?.map(pattern => globExpression(pattern, 'i')),
    },
    handler: { name: handlerName, target: handler.target, workingDirectory: handler.workingDirectory },
  };
}

/** All tasks below the given folders: each is a task itself, or holds tasks, or folders with one version of a task each. */
export function findTasks(folders: string[]): TaskDefinition[] {
  return folders.flatMap(folder => taskFolders(folder, 2)).map(readTaskDefinition);
}

function taskFolders(folder: string, depth: number): string[] {
  if (existsSync(join(folder, 'task.json'))) return [folder];
  if (depth === 0 || !existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => taskFolders(join(folder, entry.name), depth - 1));
}
