import { isDeepStrictEqual } from 'node:util';
import { badRequest, StatusError } from '../api/status-error';
import { isRecord } from '../objects/api-object';

/**
 * RFC 6902: add, remove, replace, move, copy, test. Gives a new value.
 * @throws StatusError 400 for a patch of the wrong form, 422 when an operation does not fit the object
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  return patch.reduce<unknown>((document, operation) => apply(document, operation), structuredClone(target));
}

function apply(document: unknown, operation: unknown): unknown {
  if (!isRecord(operation)) throw badRequest('a JSON patch is a list of operations');
  const { op } = operation;
  const path = pointer(operation.path, 'path');
  switch (op) {
    case 'add':
      return withValue(document, path, operation.value, 'add');
    case 'replace':
      valueAt(document, path);
      return withValue(document, path, operation.value, 'replace');
    case 'remove':
      return without(document, path);
    case 'move': {
      const from = pointer(operation.from, 'from');
      const moved = valueAt(document, from);
      return withValue(without(document, from), path, moved, 'add');
    }
    case 'copy':
      return withValue(document, path, structuredClone(valueAt(document, pointer(operation.from, 'from'))), 'add');
    case 'test':
      if (!isDeepStrictEqual(valueAt(document, path), operation.value)) {
        throw unprocessable(`testing path ${text(path)} failed: test failed`);
      }
      return document;
    default:
      throw badRequest(`Unexpected kind: ${String(op)}`);
  }
}

function pointer(value: unknown, field: string): string[] {
  if (typeof value !== 'string' || (value !== '' && !value.startsWith('/'))) {
    throw badRequest(`a JSON patch operation has no valid ${field}: ${JSON.stringify(value)}`);
  }
  return value
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const part of path) {
    const next: unknown = Array.isArray(value)
      ? value[index(part, value.length - 1, path)]
      : isRecord(value) && Object.hasOwn(value, part)
        ? value[part]
        : undefined;
    if (next === undefined) throw unprocessable(`path ${text(path)} does not exist: missing value`);
    value = next;
  }
  return value;
}

function withValue(document: unknown, path: readonly string[], value: unknown, op: 'add' | 'replace'): unknown {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = valueAt(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    if (op === 'replace') parent[index(last, parent.length - 1, path)] = value;
    else parent.splice(last === '-' ? parent.length : index(last, parent.length, path), 0, value);
  } else if (isRecord(parent)) {
    parent[last] = value;
  } else {
    throw unprocessable(`path ${text(path)} does not exist: its parent is a plain value`);
  }
  return document;
}

function without(document: unknown, path: readonly string[]): unknown {
  valueAt(document, path);
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const parent = valueAt(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(index(last, parent.length - 1, path), 1);
  else if (isRecord(parent)) Reflect.deleteProperty(parent, last);
  return document;
}

function index(part: string, highest: number, path: readonly string[]): number {
  const value = /^(0|[1-9]\d*)$/.test(part) ? Number(part) : -1;
  if (value < 0 || value > highest) throw unprocessable(`path ${text(path)} does not exist: no index ${part}`);
  return value;
}

function text(path: readonly string[]): string {
  return path.map(part => `/${part}`).join('');
}

function unprocessable(message: string): StatusError {
  return new StatusError(
    422,
    'Invalid',
    `the server rejected our request due to an error in our request: ${message}`,
    {},
  );
}
