import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The repository's root folder. */
export const root = resolve(__dirname, '..');

/** The tree that tfx packs; tests launch the same files. */
export const stage = join(root, 'dist');

/** The task folders: the one list, taken from the tree. */
export const taskNames = readdirSync(join(root, 'tasks'), { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(entry => entry.name)
  .sort();

export interface TaskManifest {
  id: string;
  name: string;
  friendlyName: string;
  description: string;
  version: { Major: number; Minor: number; Patch: number };
  groups?: { name: string; displayName: string }[];
  inputs: {
    name: string;
    type: string;
    label: string;
    helpMarkDown?: string;
    groupName?: string;
    required?: boolean | string;
    defaultValue?: string | boolean;
    options?: Record<string, string>;
    visibleRule?: string;
  }[];
  outputVariables?: { name: string; description: string }[];
  execution: Record<string, { target: string }>;
  restrictions?: { settableVariables?: { allowed: string[] } };
}

export function readManifest(folder: string): TaskManifest {
  return JSON.parse(readFileSync(join(folder, 'task.json'), 'utf8')) as TaskManifest;
}

export interface PackageJson {
  version: string;
  license: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export function readPackageJson(folder = root): PackageJson {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageJson;
}
