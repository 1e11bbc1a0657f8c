import type { OutputTensor, TensorData } from './model';

/** The element types of the Open Inference Protocol that a model here can have, by onnxruntime's names. */
const datatypes = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  uint8: 'UINT8',
  int8: 'INT8',
  uint16: 'UINT16',
  int16: 'INT16',
  uint32: 'UINT32',
  int32: 'INT32',
  uint64: 'UINT64',
  int64: 'INT64',
  bool: 'BOOL',
  string: 'BYTES',
} as const;

export type Datatype = (typeof datatypes)[keyof typeof datatypes];

/** @param type as onnxruntime names it */
export function datatypeOf(type: string): Datatype {
  const found = datatypes[type as keyof typeof datatypes];
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- onnxruntime may learn new types
  if (found === undefined) throw new Error(`There is no datatype for ${type}.`);
  return found;
}

/** A tensor in an answer: the values in row-major order. */
export interface JsonTensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: readonly (number | string | boolean)[];
}

export function toJsonTensor({ data, shape }: OutputTensor, type: string): JsonTensor {
  const datatype = datatypeOf(type);
  return { datatype, shape, data: jsonValues(data, datatype) };
}

/** JSON has no number for an infinity or what is not a number; both become null there. */
export function jsonValues(data: TensorData, datatype: Datatype): (number | string | boolean)[] {
  if (Array.isArray(data)) return data;
  if (datatype === 'BOOL') return Array.from(data as Uint8Array, value => value !== 0);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Array.from(data, Number);
  if (datatype === 'FP16') return Array.from(data as Uint16Array, fromHalf);
  return Array.from(data);
}

/** The value of 16 bits of IEEE 754. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
