import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { CommandArea, CommandHandler } from './commands';
import { logDetail } from './detail-command';
import type { LoggingCommand } from './logging-command';
import type { StepContext } from './step-context';
import { mergeResults, parseTaskResult } from './task-result';
import type { Variables } from './variables';

/** The area `task`, as TaskCommandExtension of azure-pipelines-agent has it. */
const logIssue: CommandHandler = {
  allowedWhenRestricted: true,
  run: (step, { properties, data }) => {
    const { type, ...rest } = properties;
    if (type?.toLowerCase() === 'error') step.error(data, rest);
    else if (type?.toLowerCase() === 'warning') step.warning(data, rest);
    else step.warning("Can't create TaskIssue from logging event.");
  },
};

function setProgress(step: StepContext, { properties, data }: LoggingCommand): void {
  const value = /^\s*[+-]?\d+\s*$/.test(properties['value'] ?? '') ? Number(properties['value']) : 0;
  step.setProgress(Math.min(Math.max(value, 0), 100), data);
}

function complete(step: StepContext, { properties, data }: LoggingCommand): void {
  const result = parseTaskResult(properties['result'] ?? '');
  if (result === undefined) throw new Error("Command doesn't have valid result value.");
  step.result = mergeResults(step.result, result);
  step.setProgress(100, data);
  if (isTrue(properties['done'])) step.forceComplete();
}

function setVariable(step: StepContext, { properties, data }: LoggingCommand): void {
  const name = properties['variable'];
  if (!name) throw new Error("Required field 'variable' is missing in ##vso[task.setvariable] command.");
  refuseReadOnly(step, step.job.variables, name);
  const isSecret = isTrue(properties['issecret']);
  if (isSecret) refuseManyLines(step, data);
  if (!maySet(step, name)) return;
  step.setVariable(name, data, {
    isSecret,
    isOutput: isTrue(properties['isoutput']),
    isReadOnly: isTrue(properties['isreadonly']),
    preserveCase: isTrue(properties['preservecase']),
  });
}

function setTaskVariable(step: StepContext, { properties, data }: LoggingCommand): void {
  const name = properties['variable'];
  if (!name) throw new Error("Required field 'variable' is missing in ##vso[task.settaskvariable] command.");
  refuseReadOnly(step, step.taskVariables, name);
  const isSecret = isTrue(properties['issecret']);
  if (isSecret) refuseManyLines(step, data);
  step.taskVariables.set({ name, value: data, isSecret, isReadOnly: isTrue(properties['isreadonly']) });
}

function addAttachment(step: StepContext, type: string | undefined, name: string | undefined, file: string): void {
  if (!type) throw new Error("Can't add task attachment, attachment type is not provided.");
  if (!name) throw new Error("Can't add task attachment, attachment name is not provided.");
  for (const [what, text] of Object.entries({ Type: type, Name: name })) {
    if (/[/\0]/.test(text)) throw new Error(`${what} contains invalid characters. (/)`);
  }
  if (!existsSync(file) || !statSync(file).isFile()) {
    throw new Error(
      'Cannot upload task attachment file, attachment file location is not specified or attachment file does not exist on disk.',
    );
  }
  if (type === 'Distributedtask.Core.Summary') step.job.records.addSummary(file, step.identity.recordName);
  else step.job.records.attach(step.identity.recordName, type, name, file);
}

function uploadSummary(step: StepContext, { data }: LoggingCommand): void {
  if (data === '') throw new Error('Cannot upload summary file, summary file location is not specified.');
  addAttachment(step, 'Distributedtask.Core.Summary', basename(data), data);
}

function uploadFile(step: StepContext, { data }: LoggingCommand): void {
  if (data === '') throw new Error('Cannot upload file because file location is not specified.');
  addAttachment(step, 'Distributedtask.Core.FileAttachment', basename(data), data);
}

function setEndpoint(step: StepContext, { properties, data }: LoggingCommand): void {
  const { field, id, key } = properties;
  if (data === '') throw new Error('Enter a valid value for setendpoint.');
  if (!field) throw new Error("Required field 'field' is missing in ##vso[task.setendpoint] command.");
  // Masked first: the value is a secret even when the rest of the command is wrong.
  if (field.toLowerCase() === 'authparameter') step.job.masker.add(data);
  if (!id) throw new Error("Required field 'id' is missing in ##vso[task.setendpoint] command.");
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    throw new Error('Invalid endpoint ID. Endpoint ID must be a GUID.');
  if (/^[0-]+$/.test(id)) {
    step.warning("Modification of system endpoint 'SystemVssConnection' is not allowed via setendpoint command.");
    return;
  }
  const connection = step.job.connections.get(id.toLowerCase());
  if (connection === undefined) {
    throw new Error(
      `Service connection with id '${id}' is not declared in the pipeline job and therefore can't be referenced in task.setendpoint commands.`,
    );
  }
  if (field.toLowerCase() === 'url') {
    if (!URL.canParse(data)) throw new Error('Invalid endpoint URL.');
    connection.url = data;
    return;
  }
  if (!key) throw new Error("Required field 'key' is missing in ##vso[task.setendpoint] command.");
  if (field.toLowerCase() === 'dataparameter') connection.data[key] = data;
  else if (field.toLowerCase() === 'authparameter') connection.parameters[key] = data;
  else throw new Error("Invalid endpoint field. Valid values are 'url', 'dataParameter' and 'authParameter'.");
}

function prependPath(step: StepContext, { data }: LoggingCommand): void {
  if (!maySet(step, 'PATH')) return;
  if (data === '') throw new Error('Value cannot be empty: prependpath.');
  step.job.prependPath = [data, ...step.job.prependPath.filter(path => path !== data)];
}

export const taskCommands: CommandArea = {
  hostTypes: ['build', 'release', 'deployment'],
  events: {
    logissue: logIssue,
    issue: logIssue,
    setprogress: { allowedWhenRestricted: true, run: setProgress },
    logdetail: { allowedWhenRestricted: true, run: logDetail },
    complete: { allowedWhenRestricted: true, run: complete },
    setsecret: { allowedWhenRestricted: true, run: (step, { data }) => step.job.masker.add(data) },
    setvariable: { allowedWhenRestricted: true, run: setVariable },
    settaskvariable: { allowedWhenRestricted: true, run: setTaskVariable },
    debug: { allowedWhenRestricted: true, run: (step, { data }) => step.debug(data) },
    prependpath: { allowedWhenRestricted: true, run: prependPath },
    addattachment: {
      run: (step, { properties, data }) => addAttachment(step, properties['type'], properties['name'], data),
    },
    uploadsummary: { run: uploadSummary },
    uploadfile: { run: uploadFile },
    setendpoint: { run: setEndpoint },
  },
};

function isTrue(text: string | undefined): boolean {
  return text?.trim().toLowerCase() === 'true';
}

/** A warning, or an error once the pipeline asks for it with agent.readOnlyVariables. */
function refuseReadOnly(step: StepContext, variables: Variables, name: string): void {
  if (!variables.isReadOnly(name)) return;
  if (step.job.variables.isTrue('agent.readOnlyVariables')) {
    throw new Error(`Overwriting readonly variable '${name}' is not permitted.`);
  }
  step.warning(`Overwriting readonly variable '${name}'. This behavior will be disabled in the future.`);
}

function refuseManyLines(step: StepContext, value: string): void {
  if (value.includes('\n') && !step.job.variables.isTrue('SYSTEM_UNSAFEALLOWMULTILINESECRET')) {
    throw new Error('Secrets cannot contain multiple lines');
  }
}

function maySet(step: StepContext, name: string): boolean {
  const allowed = step.identity.restrictions.settableVariables;
  if (allowed === undefined || allowed.some(pattern => pattern.test(name))) return true;
  step.warning(`Setting variable '${name}' is not allowed in this step due to policy restrictions.`);
  return false;
}
