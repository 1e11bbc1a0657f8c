import type { LoggingCommand } from './logging-command';
import type { DetailRecord, StepContext } from './step-context';
import { parseTaskResult } from './task-result';

const guid = /^\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?$/i;

/** task.logdetail: makes or changes a row of the timeline below the step. */
export function logDetail(step: StepContext, { properties, data }: LoggingCommand): void {
  const id = guidOf(properties['id']);
  if (id === undefined || /^[0-]+$/.test(id)) {
    throw new Error("Can't update timeline record, timeline record id is not provided.");
  }
  const parentId = guidOf(properties['parentid']);
  const known = step.details.get(id);
  if (known === undefined) {
    if (!properties['name']) throw new Error('Name is required for this new timeline record.');
    if (!properties['type']) throw new Error('Type is required for this new timeline record.');
    if (parentId !== undefined && !step.details.has(parentId)) {
      throw new Error('Parent timeline record has not been created for this new timeline record.');
    }
  } else if (parentId !== undefined && parentId !== known.parentId) {
    throw new Error("Can't change parent timeline record of an existing timeline record.");
  }
  const record: DetailRecord = { state: 'InProgress', startTime: new Date().toISOString(), ...known, id };
  if (parentId !== undefined) record.parentId = parentId;
  if (data !== '') record.operation = data;
  const { name, type, state, order, progress, result, starttime, finishtime } = properties;
  if (name !== undefined) record.name = name;
  if (type !== undefined) record.type = type;
  if (state !== undefined) record.state = state;
  if (starttime !== undefined) record.startTime = starttime;
  if (finishtime !== undefined) record.finishTime = finishtime;
  if (order !== undefined && Number.isInteger(Number(order))) record.order = Number(order);
  if (progress !== undefined && Number.isInteger(Number(progress))) {
    record.progress = Math.min(Math.max(Number(progress), 0), 100);
  }
  if (result !== undefined) record.result = parseTaskResult(result) ?? 'Succeeded';
  if (record.state === 'Completed') {
    record.progress ??= 100;
    record.finishTime ??= new Date().toISOString();
  }
  step.details.set(id, record);
}

/** Undefined when absent. @throws Error for text that is no GUID, as the agent does. */
function guidOf(text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (!guid.test(text)) throw new Error(`Unrecognized Guid format: ${text}`);
  return text.replace(/[{}]/g, '').toLowerCase();
}
