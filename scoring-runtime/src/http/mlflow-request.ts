import type { ImageTensor } from '../model';
import type { Signature } from '../model-signature';
import { invalidRequest } from '../scoring-error';
import { isObject, type Json } from './json';
import { fromBase64 } from './scoring-request';

/** What an invocation asks for: images, or tensors of the model's input. */
export interface Invocation {
  readonly images: readonly Uint8Array[];
  readonly tensors: readonly { readonly tensor: ImageTensor }[];
  /** What the caller calls the list, for messages. */
  readonly listName: string;
}

type Input = Signature['input'];

const forms = ['inputs', 'instances', 'dataframe_split', 'dataframe_records', 'input_data'] as const;

/**
 * @param body parsed JSON with one of MLflow's input forms, or Azure ML's `input_data`; or the bytes of one image. Images
 * are base64 strings, in a data frame in its column `image` or its only one; numbers are a batch of ready tensors
 * @throws ScoringError saying what does not fit
 */
export function readInvocation(body: unknown, input: Input): Invocation {
  if (body instanceof Uint8Array) return { images: [body], tensors: [], listName: 'body' };
  const given = isObject(body) ? forms.filter(form => body[form] !== undefined) : [];
  const [form] = given;
  if (!isObject(body) || form === undefined || given.length > 1)
    throw invalidRequest(`Send JSON with one of ${forms.join(', ')}, or the bytes of one image.`);
  const rows = rowsOf(form, body[form], input);
  if (rows.length === 0) throw invalidRequest(`'${form}' has no image in it.`);
  if (rows.every(row => typeof row === 'string'))
    return { images: rows.map((row, index) => fromBase64(row, `${form}[${index}]`)), tensors: [], listName: form };
  return {
    images: [],
    tensors: rows.map((row, index) => ({ tensor: toTensor(row, input, `${form}[${index}]`) })),
    listName: form,
  };
}

/** One entry an image: a base64 string, or nested lists of numbers. */
function rowsOf(form: (typeof forms)[number], value: unknown, input: Input): unknown[] {
  switch (form) {
    case 'inputs': {
      const rows = isObject(value) ? pick(value, input, form) : value;
      return typeof rows === 'string' ? [rows] : listOf(rows, form);
    }
    case 'instances':
    case 'dataframe_records':
      return listOf(value, form).map((row, index) => unwrap(row, input, `${form}[${index}]`));
    case 'input_data':
      if (Array.isArray(value)) return value;
      return frameRows(value, input, form);
    case 'dataframe_split':
      return frameRows(value, input, form);
  }
}

function listOf(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw invalidRequest(`'${where}' must be a list, or an object with the input's name.`);
}

function frameRows(value: unknown, input: Input, where: string): unknown[] {
  const { columns, data } = isObject(value) ? value : {};
  if (!Array.isArray(columns) || !Array.isArray(data)) throw invalidRequest(`'${where}' must have columns and data.`);
  const found = [input.name, 'image'].map(name => columns.indexOf(name)).find(index => index >= 0);
  const column = found ?? (columns.length === 1 ? 0 : undefined);
  if (column === undefined) throw invalidRequest(`'${where}' needs a column 'image', or one column only.`);
  return data.map((row: unknown) => (Array.isArray(row) ? (row[column] as unknown) : row));
}

/** A row may be an object: `{"b64": …}` as TensorFlow Serving has it, or with the input's name, or `image`. */
function unwrap(row: unknown, input: Input, where: string): unknown {
  const inner = isObject(row) && typeof row['b64'] !== 'string' ? pick(row, input, where) : row;
  return isObject(inner) && typeof inner['b64'] === 'string' ? inner['b64'] : inner;
}

function pick(value: Json, input: Input, where: string): unknown {
  const [only, ...others] = Object.values(value);
  const found = value[input.name] ?? value['image'] ?? (others.length === 0 ? only : undefined);
  if (found === undefined) throw invalidRequest(`'${where}' has no '${input.name}' and no 'image'.`);
  return found;
}

function toTensor(row: unknown, { shape, type }: Input, where: string): ImageTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = sizesOf(row).join() === shape.join() ? (row as unknown[]).flat(shape.length) : [];
  if (values.length !== length || !values.every(value => typeof value === 'number'))
    throw invalidRequest(`'${where}' must be a base64 image, or numbers of the shape [${shape.join(', ')}].`);
  return type === 'uint8' ? Uint8Array.from(values) : Float32Array.from(values);
}

/** The sizes of nested lists, by their first elements; deeper than any image is not looked. */
function sizesOf(value: unknown, depth = 0): number[] {
  return Array.isArray(value) && depth < 4 ? [value.length, ...sizesOf(value[0], depth + 1)] : [];
}
