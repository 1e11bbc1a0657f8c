import { artifactCommands } from './artifact-commands';
import { buildCommands } from './build-commands';
import { parseLoggingCommand, unescapeCommand, type LoggingCommand } from './logging-command';
import type { StepContext } from './step-context';
import { taskCommands } from './task-commands';

export interface CommandHandler {
  /** Works although the task.json restricts the task's commands. */
  allowedWhenRestricted?: boolean;
  /** Throws with the agent's message when the command cannot be carried out: that fails the step. */
  run(step: StepContext, command: LoggingCommand): void;
}

export interface CommandArea {
  /** Kinds of pipeline in which the area works: System.HostType. */
  hostTypes: string[];
  /** By event name in lower case. */
  events: Record<string, CommandHandler>;
}

/** Areas that agents have and that nothing here needs: named, so that their use is seen. */
const notHere: CommandArea = { hostTypes: ['build', 'release', 'deployment'], events: {} };

const areas: Record<string, CommandArea> = {
  task: taskCommands,
  build: buildCommands,
  artifact: artifactCommands,
  telemetry: { ...notHere, events: { publish: { allowedWhenRestricted: true, run: () => undefined } } },
  results: notHere,
  codecoverage: notHere,
  release: { ...notHere, hostTypes: ['release'] },
};

/**
 * Carries out the logging command in a line of a step's output.
 * @returns false when the line holds none and is to be shown as it is.
 */
export function processCommand(step: StepContext, line: string): boolean {
  const decodePercents = step.job.variables.get('DECODE_PERCENTS')?.toLowerCase() !== 'false';
  const command = parseLoggingCommand(line, decodePercents);
  if (command === undefined) {
    if (line.includes('##vso')) {
      step.warning(`'${line}' contains logging command keyword '##vso', but it's not a legal command.`);
    }
    return false;
  }
  step.commands.push(command);
  const name = `${command.area}.${command.event}`;
  const area = areas[command.area.toLowerCase()];
  if (area === undefined) {
    step.warning(`Cannot find command extension for ##vso[${command.area}.command].`);
    return true;
  }
  const hostType = step.job.variables.get('System.HostType') ?? 'build';
  if (!area.hostTypes.includes(hostType.toLowerCase())) {
    step.error(`${command.area} commands are not supported for ${hostType} flow.`);
    step.commandResult = 'Failed';
    return false;
  }
  try {
    const handler = area.events[command.event.toLowerCase()];
    if (handler === undefined)
      throw new Error(`##vso[${name}] is not a recognized command for ${command.area} command extension.`);
    if (step.identity.restrictions.restrictedMode && handler.allowedWhenRestricted !== true) {
      step.warning(`##vso[${name}] is not allowed in this step due to policy restrictions.`);
    } else {
      handler.run(step, command);
    }
  } catch (error) {
    step.error(`Unable to process command '${line}' successfully.`);
    step.error(error instanceof Error ? error.message : String(error));
    step.commandResult = 'Failed';
  }
  if (name.toLowerCase() !== 'task.debug') step.debug(`Processed: ${unescapeCommand(line, decodePercents)}`);
  return true;
}
