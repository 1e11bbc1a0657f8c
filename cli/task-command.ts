import type { Argv, CommandModule, Options } from 'yargs';
import { azureLogin } from './azure-login';
import type { Connection, Surroundings } from './connection';
import { textFlag, type Flags } from './flags';
import { kubernetesLogin } from './kubernetes-login';
import { lineageOf } from './lineage';
import { azureOptions, kubernetesOptions, loginFlags, outputOptions } from './login-options';
import { runTask, type TaskRun } from './run-task';
import { choicesOf, flagInputs, isMultiLine, taskInputs } from './task-inputs';
import { connectionKind, isVisible, kebab, type Task, type TaskInput } from './task-manifests';

export const exitCodes = { done: 0, failed: 1, usage: 2, canceled: 130 } as const;

/** `guardian submit-training-job …`: one task with a flag for each of its inputs. */
export function taskCommand(task: Task, surroundings: Surroundings): CommandModule {
  return {
    command: task.command,
    describe: task.description,
    builder: yargs => taskOptions(yargs, task),
    handler: async argv => {
      process.exitCode = await run(task, argv, surroundings);
    },
  };
}

function taskOptions(yargs: Argv, task: Task): Argv {
  const kinds = new Set(task.inputs.map(connectionKind));
  const outputs = task.outputs.map(({ name, description }) => `  ${name.padEnd(18)} ${description}`);
  return yargs
    .options(Object.fromEntries(flagInputs(task).map(input => [kebab(input.name), flagOf(input, task)])))
    .options({
      ...(kinds.has('azurerm') ? azureOptions : {}),
      ...(kinds.has('kubernetes') ? kubernetesOptions : {}),
      ...outputOptions,
      debug: { type: 'boolean', describe: "Show the task's debug lines" },
      records: { type: 'string', describe: 'Folder to keep the summary and the records of the run in' },
    })
    .epilogue(`A flag of several lines can be given several times, or as @FILE.\n\nOutputs:\n${outputs.join('\n')}`);
}

function flagOf(input: TaskInput, task: Task): Options {
  const choices = choicesOf(input);
  const required = input.required === true && input.visibleRule === undefined && input.defaultValue === undefined;
  const help = input.helpMarkDown ? `. ${plain(input.helpMarkDown)}` : '';
  const when = input.visibleRule === undefined ? '' : ` (where ${input.visibleRule})`;
  return {
    type: input.type === 'boolean' ? 'boolean' : 'string',
    describe: `${input.label}${required ? ' [required]' : ''}${help}${when}`,
    group: `${task.groups.find(({ name }) => name === input.groupName)?.displayName ?? 'Inputs'}:`,
    ...(choices === undefined || isMultiLine(input) ? {} : { choices }),
    // Not yargs' own default: what the caller did not give has to be told apart.
    ...(input.defaultValue === undefined || input.defaultValue === '' || input.type === 'boolean'
      ? {}
      : { defaultDescription: String(input.defaultValue) }),
    ...(input.type === 'boolean' ? { defaultDescription: String(input.defaultValue ?? false) } : {}),
    requiresArg: input.type !== 'boolean',
  };
}

/** The editor's help is Markdown. */
function plain(markdown: string): string {
  return markdown
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

async function run(task: Task, argv: Flags, surroundings: Surroundings): Promise<number> {
  const asJson = argv['json'] === true;
  const log = (line: string): void => void (asJson ? process.stderr : process.stdout).write(`${line}\n`);
  const { inputs, given } = taskInputs(task, name => argv[kebab(name)], surroundings);
  const connections: Connection[] = [];
  for (const input of task.inputs) {
    const kind = connectionKind(input);
    if (kind === undefined || !isNeeded(input, task, inputs, given, argv)) continue;
    const connection =
      kind === 'azurerm'
        ? await azureLogin(loginFlags(argv), surroundings)
        : kubernetesLogin(textFlag(argv, 'context'), surroundings);
    connections.push(connection);
    inputs[input.name] = connection.id;
  }
  const { lineage, uncommitted } = lineageOf(surroundings);
  if (uncommitted)
    log('Note: the work tree has changes that are not committed; what is recorded is the commit that they are on.');
  const run = await runTask({
    task,
    inputs,
    connections,
    lineage,
    surroundings,
    debug: argv['debug'] === true,
    records: textFlag(argv, 'records'),
    onLine: log,
  });
  if (asJson) process.stdout.write(`${JSON.stringify({ task: task.name, ...run }, null, 2)}\n`);
  else for (const [name, value] of Object.entries(run.outputs)) log(`${name}: ${value}`);
  return exitCodeOf(run);
}

function exitCodeOf({ result }: TaskRun): number {
  if (result === 'canceled') return exitCodes.canceled;
  return result === 'failed' ? exitCodes.failed : exitCodes.done;
}

/**
 * A connection that the task can do without is made when the call says anything about what it is for: an input of its
 * group, or a flag of its sign-in.
 */
function isNeeded(
  connection: TaskInput,
  task: Task,
  inputs: Readonly<Record<string, string>>,
  given: ReadonlySet<string>,
  argv: Flags,
): boolean {
  if (!isVisible(connection, name => inputs[name] ?? '')) return false;
  if (connection.required) return true;
  const siblings = task.inputs.filter(input => input.groupName === connection.groupName);
  if (siblings.some(({ name }) => given.has(name))) return true;
  return connectionKind(connection) === 'azurerm'
    ? inputs['access'] === 'aks' || Boolean(inputs['resourceGroup'] && inputs['workspaceName'])
    : argv['context'] !== undefined;
}
