/** `guardian`: every task of this product from a terminal, with the caller's own access to Azure and Kubernetes. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Surroundings } from './connection';
import { endpointsCommand } from './endpoints-command';
import { runLocalAzure } from './local-command';
import { newCommand } from './new-command';
import { statusCommand } from './status-command';
import { exitCodes, taskCommand } from './task-command';
import { readTasks } from './task-manifests';
import { UsageError } from './usage-error';

/** The repository or the installed package: this file is dist/cli/guardian.js in it. */
const root = resolve(__dirname, '../..');

async function main(args: string[]): Promise<void> {
  // A reader that has seen enough, such as head, must not end a deployment in its middle.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const surroundings: Surroundings = { env: process.env, cwd: process.cwd(), home: homedir() };
  // Its flags are its own.
  if (args[0] === 'local') {
    process.exitCode = await runLocalAzure(root, args.slice(1), surroundings);
    return;
  }
  const { default: yargs } = await import('yargs');
  const parser = yargs(args)
    .scriptName('guardian')
    .version((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version)
    .usage('$0 COMMAND: train, register, deploy, configure and roll back models on Azure Machine Learning')
    .exitProcess(false)
    .strict()
    .demandCommand(1, 'Say what to do.')
    .recommendCommands()
    .completion('completion', 'Print a completion script: guardian completion >> ~/.bashrc')
    .wrap(Math.min(120, process.stdout.columns || 100))
    .fail((message, error) => {
      throw error instanceof Error ? error : new UsageError(message);
    });
  for (const task of readTasks(join(root, 'dist/tasks'))) parser.command(taskCommand(task, surroundings));
  for (const command of [endpointsCommand, statusCommand]) parser.command(command(surroundings));
  parser.command(newCommand(root, surroundings));
  parser.command(
    'local [arguments..]',
    'Runs local Azure, or a pipeline of this folder on it; see guardian local --help',
  );
  try {
    await parser.parseAsync();
  } catch (error) {
    const isUsage = error instanceof UsageError || (error as Error).name === 'YError';
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (isUsage)
      process.stderr.write(`See guardian ${args[0]?.startsWith('-') === false ? `${args[0]} ` : ''}--help.\n`);
    process.exitCode = isUsage ? exitCodes.usage : exitCodes.failed;
  }
}

void main(process.argv.slice(2));
