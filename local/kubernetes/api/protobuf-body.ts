import type { JsonRecord } from '../objects/api-object';
import type { FieldType, Schema } from '../objects/schema';
import { protobufFields } from './protobuf-fields';
import { StatusError } from './status-error';

/** Four bytes before every object in Kubernetes' protobuf form: `k8s` and a zero. */
const magic = Buffer.from('6b387300', 'hex');

/**
 * Reads a request's body in Kubernetes' protobuf form, which kubectl's `create` commands send, as JSON would have it.
 * @throws StatusError 415 that names the type or field that is not known here
 */
export function readProtobuf(schema: Schema, body: Buffer): JsonRecord {
  if (!body.subarray(0, 4).equals(magic)) throw unsupported('it does not begin with the prefix k8s\\x00');
  // runtime.Unknown: 1 typeMeta (1 apiVersion, 2 kind), 2 raw.
  const envelope = fieldsOf(body.subarray(4));
  const typeMeta = fieldsOf(bytes(envelope.find(field => field.number === 1)));
  const [apiVersion = '', kind = ''] = [1, 2].map(number =>
    bytes(typeMeta.find(field => field.number === number)).toString(),
  );
  const model = [`V1${kind}`, `AuthenticationV1${kind}`].find(name => protobufFields[name]);
  if (!model) throw unsupported(`objects of kind ${kind} are read as JSON only`);
  return { apiVersion, kind, ...message(schema, model, bytes(envelope.find(field => field.number === 2))) };
}

interface WireField {
  number: number;
  /** A number for varints, bytes for everything with a length. */
  value: bigint | Buffer;
}

function message(schema: Schema, model: string, data: Buffer): JsonRecord {
  const names = protobufFields[model];
  const types = schema.fields(model);
  if (!names || !types) throw unsupported(`objects of type ${model} are read as JSON only`);
  const result: JsonRecord = {};
  for (const field of fieldsOf(data)) {
    const name = names[field.number];
    if (name === undefined) throw unsupported(`field ${field.number} of ${model} is read as JSON only`);
    if (name === '-') continue;
    if (name.startsWith('(')) {
      Object.assign(result, message(schema, name.slice(1, -1), bytes(field)));
      continue;
    }
    const type = types.get(name) ?? { kind: 'any' };
    if (type.kind === 'list') {
      const list = (result[name] ??= []) as unknown[];
      list.push(single(schema, type.of, field));
    } else if (type.kind === 'map') {
      const map = (result[name] ??= {}) as JsonRecord;
      const entry = fieldsOf(bytes(field));
      const value = entry.find(one => one.number === 2);
      map[bytes(entry.find(one => one.number === 1)).toString()] = value ? single(schema, type.of, value) : '';
    } else {
      const value = single(schema, type, field);
      // Go writes empty texts for absent ones.
      if (value !== '') result[name] = value;
    }
  }
  return result;
}

function single(schema: Schema, type: FieldType, field: WireField): unknown {
  switch (type.kind) {
    case 'string':
      return bytes(field).toString('utf8');
    case 'bytes':
      return bytes(field).toString('base64');
    case 'number':
      return Number(varint(field));
    case 'boolean':
      return varint(field) !== 0n;
    case 'intOrString': {
      // 1 type (0 number, 1 text), 2 number, 3 text.
      const parts = fieldsOf(bytes(field));
      const part = (number: number): WireField | undefined => parts.find(one => one.number === number);
      const [kind, number] = [part(1), part(2)];
      return kind && varint(kind) === 1n ? bytes(part(3)).toString() : Number(number ? varint(number) : 0n);
    }
    case 'object':
      return message(schema, type.model, bytes(field));
    default:
      throw unsupported(`values of type ${type.kind} are read as JSON only`);
  }
}

function fieldsOf(data: Buffer): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = data[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw unsupported('it is cut off');
  };
  while (at < data.length) {
    const tag = Number(readVarint());
    const number = tag >>> 3;
    if ((tag & 7) === 0) {
      fields.push({ number, value: readVarint() });
    } else if ((tag & 7) === 2) {
      const length = Number(readVarint());
      if (length < 0 || at + length > data.length) throw unsupported('it is cut off');
      fields.push({ number, value: data.subarray(at, at + length) });
      at += length;
    } else {
      throw unsupported(`wire type ${tag & 7} does not occur in these types`);
    }
  }
  return fields;
}

function bytes(field: WireField | undefined): Buffer {
  return field && typeof field.value !== 'bigint' ? field.value : Buffer.alloc(0);
}

function varint({ value }: WireField): bigint {
  return typeof value === 'bigint' ? value : 0n;
}

function unsupported(why: string): StatusError {
  return new StatusError(415, 'UnsupportedMediaType', `the protobuf body of the request cannot be read: ${why}`);
}
