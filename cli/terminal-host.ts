import type { TaskHost } from '../lib/host/task-host';
import { systemClock } from '../lib/host/clock';
import { TaskError } from '../lib/task-error';
import type { Connection, Surroundings } from './connection';

/** The surroundings of a command that reads Azure by itself: as a task's, but without inputs and with nothing to publish to. */
export function terminalHost({ env }: Surroundings, signal: AbortSignal): TaskHost {
  const nowhere = (what: string): never => {
    throw new TaskError(`A command at a terminal has no ${what}.`);
  };
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  return {
    input: () => undefined,
    pathInput: () => undefined,
    connection: () => nowhere('service connections'),
    variable: () => undefined,
    // The Azure SDK reads HTTPS_PROXY and its kin itself.
    proxy: () => undefined,
    info: say,
    debug: line => (env['SYSTEM_DEBUG'] === 'true' ? say(line) : undefined),
    warn: say,
    foreign: say,
    group: () => () => undefined,
    progress: () => undefined,
    maskSecret: () => undefined,
    setOutput: () => undefined,
    summary: () => nowhere('summary'),
    publishArtifact: () => nowhere('artifacts'),
    attach: () => nowhere('attachments'),
    signal,
    clock: systemClock,
  };
}

/** The connection in the form that lib reads: keys are looked up whatever their case, as the agent does. */
export function serviceConnection({ id, url, scheme, parameters, data }: Connection) {
  const lookup = (values: Readonly<Record<string, string>>) => (key: string) =>
    Object.entries(values).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
  return { id, url, scheme, auth: lookup(parameters), data: lookup(data) };
}
