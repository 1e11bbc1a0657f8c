import { delimiter } from 'node:path';
import { connectionVariables, type Connection } from './connection';
import type { JobContext } from './job-context';
import { environmentName, type Variable, type Variables } from './variables';

/** Name of the variable that marks a job's processes. */
export const lookupVariable = 'VSTS_PROCESS_LOOKUP_ID';

/** What a script step gets: the agent's environment, the step's own `env`, the variables that are not secret. */
export function scriptEnvironment(job: JobContext, env: Record<string, string>): Record<string, string> {
  const environment: Record<string, string> = { ...job.environment, ...env };
  for (const { name, value, preserveCase } of openVariables(job.variables)) {
    environment[environmentName(name, preserveCase)] = value;
  }
  return finished(job, environment);
}

/** What a task gets: all of a script's, and its inputs, secrets, connections and task variables. */
export function taskEnvironment(
  job: JobContext,
  o: {
    env: Record<string, string>;
    inputs: Record<string, string>;
    connections: Connection[];
    taskVariables: Variables;
  },
): Record<string, string> {
  const environment: Record<string, string> = { ...job.environment, ...o.env };
  const open = openVariables(job.variables);
  const secret = job.variables.all().filter(variable => variable.isSecret);
  for (const { name, value, preserveCase } of open) {
    if (name.toLowerCase() === 'agent.jobstatus') environment[name] = value;
    environment[environmentName(name, preserveCase)] = value;
  }
  environment['VSTS_PUBLIC_VARIABLES'] = JSON.stringify(open.map(variable => variable.name));
  for (const { name, value, preserveCase } of secret) {
    environment[`SECRET_${environmentName(name, preserveCase)}`] = value;
  }
  environment['VSTS_SECRET_VARIABLES'] = JSON.stringify(secret.map(variable => variable.name));
  for (const [name, value] of Object.entries(o.inputs)) environment[`INPUT_${environmentName(name)}`] = value;

  const { url, accessToken } = job.system;
  const system = { id: 'SYSTEMVSSCONNECTION', url, scheme: 'OAuth', parameters: { AccessToken: accessToken } };
  Object.assign(environment, connectionVariables(system));
  for (const connection of o.connections) {
    Object.assign(environment, connectionVariables({ ...connection, id: connection.id.toLowerCase() }));
  }
  for (const { name, value, preserveCase } of o.taskVariables.all()) {
    environment[`VSTS_TASKVARIABLE_${environmentName(name, preserveCase)}`] = value;
  }
  return finished(job, environment);
}

function openVariables(variables: Variables): Variable[] {
  return variables.all().filter(variable => !variable.isSecret);
}

function finished(job: JobContext, environment: Record<string, string>): Record<string, string> {
  if (job.prependPath.length > 0) {
    const path = job.variables.get('PATH') ?? environment['PATH'] ?? '';
    environment['PATH'] = [...job.prependPath, path].join(delimiter);
  }
  environment['TF_BUILD'] = 'True';
  environment[lookupVariable] = job.lookupId;
  for (const [name, value] of Object.entries(environment)) {
    if (value.includes('\0')) throw new Error(`The environment variable ${name} holds a null character.`);
  }
  return environment;
}
