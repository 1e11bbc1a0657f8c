import type { OutputTensor, TensorData } from '../model';
import { invalidRequest } from '../scoring-error';
import type { ServedModel } from '../served-model';
import { type Datatype, datatypeOf, jsonValues } from '../tensor-types';
import type { InferenceRequest } from './v2-request';

/** A tensor of the protocol, with its whole batch. */
export interface NamedTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: readonly TensorData[];
}

/** What a model with labels offers beside its own outputs. */
const label = 'label';
const probabilities = 'probabilities';

/** A model's own outputs, and what is read from them unless an own one is called so. */
function withRead<T extends { readonly name: string }>(own: readonly T[], read: readonly T[]): T[] {
  return [...own, ...read.filter(({ name }) => !own.some(output => output.name === name))];
}

/** A tensor that a model takes or gives; a size that may vary is -1. */
interface TensorMetadata {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

export function modelMetadata({ identity, manifest, signature, classifies }: ServedModel): object {
  const { input, outputs, maxBatch } = signature;
  const batch = maxBatch === 1 ? 1 : -1;
  const own = outputs.map(({ name, type, shape, perImage }): TensorMetadata => {
    const sizes = shape.map(size => (typeof size === 'number' ? size : -1));
    return { name, datatype: datatypeOf(type), shape: perImage ? [batch, ...sizes.slice(1)] : sizes };
  });
  const read: TensorMetadata[] = [
    { name: probabilities, datatype: 'FP32', shape: [batch, manifest.labels?.length ?? 0] },
    { name: label, datatype: 'BYTES', shape: [batch] },
  ];
  return {
    name: identity.name,
    ...(identity.version === undefined ? {} : { versions: [identity.version] }),
    platform: 'onnxruntime_onnx',
    inputs: [
      { name: input.name, datatype: datatypeOf(input.type), shape: [batch, ...input.shape] } satisfies TensorMetadata,
    ],
    outputs: classifies ? withRead(own, read) : own,
  };
}

/**
 * The outputs of a batch by name: the model's own and, for a model with labels, what they mean.
 * @param rows the model's outputs for each image
 * @throws ScoringError when an output is asked for that there is not
 */
export function namedTensors(
  model: ServedModel,
  rows: readonly (readonly OutputTensor[])[],
  { outputs: wanted, rows: [sent] }: InferenceRequest,
): NamedTensor[] {
  const { manifest, signature, classifies } = model;
  const own = signature.outputs.map(({ name, type, perImage }, index): NamedTensor => {
    const tensors = rows.flatMap(row => row[index] ?? []);
    const shape = tensors[0]?.shape ?? [];
    return {
      name,
      datatype: datatypeOf(type),
      shape: perImage ? [rows.length, ...shape] : shape,
      data: tensors.map(({ data }) => data),
    };
  });
  // Read for every answer, so that metrics count its images too.
  const verdicts = classifies
    ? rows.map(row => model.verdict(row, sent && 'tensor' in sent ? 'InvalidRequest' : undefined))
    : [];
  const labels = manifest.labels ?? [];
  const read: NamedTensor[] = [
    {
      name: probabilities,
      datatype: 'FP32',
      shape: [rows.length, labels.length],
      data: verdicts.map(verdict => Float32Array.from(labels, name => verdict.probabilities[name] ?? NaN)),
    },
    { name: label, datatype: 'BYTES', shape: [rows.length], data: verdicts.map(verdict => [verdict.label]) },
  ];
  const all = classifies ? withRead(own, read) : own;
  return (wanted ?? all).map(({ name }) => {
    const tensor = all.find(one => one.name === name);
    if (tensor) return tensor;
    const names = all.map(one => one.name).join(', ');
    throw invalidRequest(`There is no output '${name.slice(0, 100)}'; there is ${names}.`);
  });
}

/** The body of an answer; with binary data the JSON's length, for the header Inference-Header-Content-Length. */
export interface InferenceResponse {
  readonly body: object | Buffer;
  readonly headerLength: number | undefined;
}

export function inferenceResponse(
  { identity }: ServedModel,
  { id, outputs, binary }: InferenceRequest,
  tensors: readonly NamedTensor[],
): InferenceResponse {
  const parts: Buffer[] = [];
  const described = tensors.map(({ name, datatype, shape, data }) => {
    if (!(outputs?.find(output => output.name === name)?.binary ?? binary))
      return { name, datatype, shape, data: data.flatMap(one => jsonValues(one, datatype)) };
    const bytes = Buffer.concat(data.map(bytesOf));
    parts.push(bytes);
    return { name, datatype, shape, parameters: { binary_data_size: bytes.length } };
  });
  const body = {
    model_name: identity.name,
    ...(identity.version === undefined ? {} : { model_version: identity.version }),
    ...(id === undefined ? {} : { id }),
    parameters: { digest: identity.digest },
    outputs: described,
  };
  if (parts.length === 0) return { body, headerLength: undefined };
  const header = Buffer.from(JSON.stringify(body));
  return { body: Buffer.concat([header, ...parts]), headerLength: header.length };
}

function bytesOf(data: TensorData): Buffer {
  if (!Array.isArray(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat(
    data.flatMap(text => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
