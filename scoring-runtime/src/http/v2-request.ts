import type { ImageTensor } from '../model';
import type { Signature } from '../model-signature';
import { invalidRequest } from '../scoring-error';
import { isObject, type Json } from './json';
import { requireModestJson } from './json-limits';
import { fromBase64 } from './scoring-request';

/** An inference request of the Open Inference Protocol, as far as a model with one image input needs it. */
export interface InferenceRequest {
  readonly id: string | undefined;
  /** One for each image of the batch: ready tensors, or the bytes of images. */
  readonly rows: readonly { readonly tensor: ImageTensor }[] | readonly { readonly image: Uint8Array }[];
  /** The outputs that are wanted and whether as binary data; undefined when all are. */
  readonly outputs: readonly WantedOutput[] | undefined;
  /** Whether outputs that are not named are to be binary data. */
  readonly binary: boolean;
}

export interface WantedOutput {
  readonly name: string;
  readonly binary: boolean;
}

/**
 * @param body parsed JSON, or with the binary tensor data extension the JSON's bytes followed by the tensors' bytes
 * @param headerLength the header Inference-Header-Content-Length: how many bytes of the body are JSON
 * @throws ScoringError saying what does not fit the protocol or the model
 * https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
export function readInferenceRequest(
  body: unknown,
  headerLength: string | undefined,
  { input }: Signature,
): InferenceRequest {
  const { json, binary } = split(body, headerLength);
  if (!isObject(json)) throw invalidRequest('The inference request must be a JSON object.');
  const { id, inputs, outputs } = json;
  if (id !== undefined && typeof id !== 'string') throw invalidRequest("'id' must be a string.");
  const [tensor, ...others] = Array.isArray(inputs) ? (inputs as unknown[]) : [];
  if (!isObject(tensor) || others.length > 0) throw invalidRequest("'inputs' must be a list with one tensor.");
  const given = typeof tensor['name'] === 'string' ? tensor['name'] : undefined;
  if (given !== input.name) throw invalidRequest(`The input is called '${input.name}', not '${given ?? ''}'.`);
  const shape = readShape(tensor['shape']);
  const bytes = binaryOf(tensor, binary);
  const binaryOutputs = parameters(json)['binary_data_output'] === true;
  return {
    id,
    rows: tensor['datatype'] === 'BYTES' ? imagesOf(tensor, shape, bytes) : tensorsOf(tensor, shape, bytes, input),
    outputs: readOutputs(outputs, binaryOutputs),
    binary: binaryOutputs,
  };
}

function parameters(holder: Json): Json {
  return isObject(holder['parameters']) ? holder['parameters'] : {};
}

function split(body: unknown, headerLength: string | undefined): { json: unknown; binary: Buffer | undefined } {
  if (headerLength === undefined) {
    if (body instanceof Uint8Array)
      throw invalidRequest('A body of bytes needs the header Inference-Header-Content-Length.');
    return { json: body, binary: undefined };
  }
  const bytes =
    body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : Buffer.alloc(0);
  const length = /^\d{1,15}$/.test(headerLength) ? Number(headerLength) : NaN;
  if (!(length <= bytes.length))
    throw invalidRequest(
      `Inference-Header-Content-Length must be a number up to the ${bytes.length} bytes of the body, but is '${headerLength.slice(0, 30)}'.`,
    );
  requireModestJson(bytes.subarray(0, length));
  try {
    return { json: JSON.parse(bytes.toString('utf8', 0, length)), binary: bytes.subarray(length) };
  } catch {
    throw invalidRequest(`The first ${length} bytes of the body are not JSON.`);
  }
}

function readShape(value: unknown): number[] {
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(size => Number.isSafeInteger(size) && (size as number) > 0)
  )
    return value as number[];
  throw invalidRequest("'shape' must be a list of whole numbers above 0.");
}

/** The tensor's part of the binary data; undefined when its data is in the JSON. */
function binaryOf(tensor: Json, binary: Buffer | undefined): Buffer | undefined {
  const size = parameters(tensor)['binary_data_size'];
  if (size === undefined) {
    if (binary && binary.length > 0)
      throw invalidRequest('The tensor has no binary_data_size, but bytes follow the JSON.');
    return undefined;
  }
  if (!binary) throw invalidRequest('Binary data needs the header Inference-Header-Content-Length.');
  if (size !== binary.length)
    throw invalidRequest(
      `binary_data_size is ${JSON.stringify(size).slice(0, 30)}, but ${binary.length} bytes follow the JSON.`,
    );
  return binary;
}

function imagesOf(tensor: Json, shape: readonly number[], bytes: Buffer | undefined): { image: Uint8Array }[] {
  const count = shape.reduce((product, size) => product * size, 1);
  const images = bytes ? prefixed(bytes) : base64List(tensor['data']);
  if (images.length !== count)
    throw invalidRequest(`The shape [${shape.join(', ')}] is not that of ${images.length} elements.`);
  return images.map(image => ({ image }));
}

/** Elements of type BYTES: each one its length, 4 bytes little-endian, and then itself. */
function prefixed(bytes: Buffer): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : Infinity;
    if (at + 4 + length > bytes.length) throw invalidRequest('An element of type BYTES is cut off.');
    elements.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}

function base64List(data: unknown): Uint8Array[] {
  if (!Array.isArray(data)) throw invalidRequest("'data' must be a list of base64 strings.");
  return data.flat(4).map((item, index) => fromBase64(item, `data[${index}]`));
}

function tensorsOf(
  { datatype, data }: Json,
  shape: readonly number[],
  bytes: Buffer | undefined,
  input: Signature['input'],
): { tensor: ImageTensor }[] {
  const wanted = input.type === 'uint8' ? 'UINT8' : 'FP32';
  if (datatype !== wanted)
    throw invalidRequest(
      `The input ${input.name} takes ${wanted} tensors, or encoded images as BYTES, not '${String(datatype).slice(0, 30)}'.`,
    );
  const [images = 0, ...rest] = shape;
  if (rest.join() !== input.shape.join())
    throw invalidRequest(
      `The input ${input.name} takes the shape [N, ${input.shape.join(', ')}], not [${shape.join(', ')}].`,
    );
  const length = input.shape.reduce((product, size) => product * size, 1);
  const Type = input.type === 'uint8' ? Uint8Array : Float32Array;
  if (bytes) {
    const width = length * Type.BYTES_PER_ELEMENT;
    if (bytes.length !== images * width)
      throw invalidRequest(
        `The shape [${shape.join(', ')}] of ${wanted} takes ${images * width} bytes, not ${bytes.length}.`,
      );
    // A copy of its own for each image: it moves to another thread, and must begin at a multiple of 4.
    return Array.from({ length: images }, (_, index) => ({
      tensor: new Type(new Uint8Array(bytes.subarray(index * width, (index + 1) * width)).buffer),
    }));
  }
  const values = Array.isArray(data) ? (data.flat(8) as unknown[]) : [];
  if (values.length !== images * length)
    throw invalidRequest(`The shape [${shape.join(', ')}] takes ${images * length} values, not ${values.length}.`);
  if (!values.every(value => typeof value === 'number')) throw invalidRequest("'data' must be numbers only.");
  return Array.from({ length: images }, (_, index) => ({
    tensor: Type.from(values.slice(index * length, (index + 1) * length)),
  }));
}

function readOutputs(outputs: unknown, binary: boolean): WantedOutput[] | undefined {
  if (outputs === undefined) return undefined;
  if (!Array.isArray(outputs)) throw invalidRequest("'outputs' must be a list.");
  return outputs.map((output: unknown, index) => {
    if (!isObject(output) || typeof output['name'] !== 'string')
      throw invalidRequest(`'outputs[${index}]' must have a name.`);
    const own = parameters(output)['binary_data'];
    return { name: output['name'], binary: typeof own === 'boolean' ? own : binary };
  });
}
