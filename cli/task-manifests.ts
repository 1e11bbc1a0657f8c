import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An input of a task, as far as a command line shows and checks it. */
export interface TaskInput {
  readonly name: string;
  /** `string`, `multiLine`, `pickList`, `boolean`, `filePath`, `connectedService:AzureRM`, … */
  readonly type: string;
  readonly label: string;
  readonly helpMarkDown?: string;
  readonly groupName?: string;
  readonly required?: boolean;
  readonly defaultValue?: string | boolean;
  readonly options?: Readonly<Record<string, string>>;
  readonly visibleRule?: string;
  readonly properties?: Readonly<Record<string, string>>;
}

/** A built task: what its task.json says, and where its bundle is. */
export interface Task {
  readonly name: string;
  /** `SubmitTrainingJob` -> `submit-training-job` */
  readonly command: string;
  readonly description: string;
  readonly folder: string;
  /** File of the handler, relative to the folder. */
  readonly target: string;
  readonly groups: readonly { readonly name: string; readonly displayName: string }[];
  readonly inputs: readonly TaskInput[];
  readonly outputs: readonly { readonly name: string; readonly description: string }[];
}

interface TaskJson {
  name: string;
  description: string;
  groups?: Task['groups'];
  inputs: TaskInput[];
  outputVariables?: Task['outputs'];
  execution: Record<string, { target: string }>;
}

/** The tasks below a folder of the build. @throws Error when there are none */
export function readTasks(folder: string): Task[] {
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const tasks = names.filter(name => existsSync(join(folder, name, 'task.json'))).map(name => readTask(folder, name));
  if (tasks.length === 0)
    throw new Error(`There are no tasks in ${folder}: make them with npm run build in the repository of guardian.`);
  return tasks;
}

function readTask(folder: string, name: string): Task {
  const json = JSON.parse(readFileSync(join(folder, name, 'task.json'), 'utf8')) as TaskJson;
  return {
    name: json.name,
    command: kebab(json.name),
    description: json.description,
    folder: join(folder, name),
    target: json.execution['Node20_1']?.target ?? 'index.js',
    groups: json.groups ?? [],
    inputs: json.inputs,
    outputs: json.outputVariables ?? [],
  };
}

/** `SyncK8sConfigMap` -> `sync-k8s-config-map`, `resourceGroup` -> `resource-group` */
export function kebab(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
}

/** The kind of service connection that an input names, in lower case; undefined for any other input. */
export function connectionKind(input: TaskInput): 'azurerm' | 'kubernetes' | undefined {
  const kind = /^connectedService:([a-z]+)/i.exec(input.type)?.[1]?.toLowerCase();
  return kind === 'azurerm' || kind === 'kubernetes' ? kind : undefined;
}

/**
 * Whether an input matters beside the others, by its `visibleRule`: comparisons with = and != joined by && and ||, as
 * the tasks of this product write them.
 */
export function isVisible(input: TaskInput, value: (name: string) => string): boolean {
  if (input.visibleRule === undefined) return true;
  return input.visibleRule.split('||').some(all =>
    all.split('&&').every(comparison => {
      const [, name = '', operator, wanted = ''] = /^\s*(\w+)\s*(!?=+)\s*(.*?)\s*$/.exec(comparison) ?? [];
      return (value(name) === wanted) === (operator !== '!=');
    }),
  );
}
