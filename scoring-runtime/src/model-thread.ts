/**
 * The thread that holds the model. onnxruntime-node loads and runs a model in the calling thread (1.30: behind a
 * setImmediate, not beside it), so on the server's own thread each batch would stop every other answer, probes too.
 */
import { statSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { messageOf } from './error-message';
import type {
  BatchForm,
  DeclaredTensor,
  ImageTensor,
  ModelAnswer,
  ModelRequest,
  ModelThreadData,
  OutputTensor,
  Row,
} from './model';
import { answerRequests } from './thread';

const { file, threads, copies } = workerData as ModelThreadData;

/**
 * onnxruntime's threads spin while they wait for the next run. That makes a long run 4 % faster, but takes a fifth of the
 * images from a model of this many bytes, whose runs are so short that decoding needs the processors; and where several
 * copies of a model run side by side, it takes them from each other.
 */
const smallModel = 1_000_000;

const loaded = InferenceSession.create(file, {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: copies > 1 || isSmall(file) ? '0' : '1' } } },
}).catch((error: unknown) => {
  throw new Error(`${file} cannot be loaded: ${messageOf(error)}`);
});
// The first request reports a failure; until then it must not end the thread.
loaded.catch(() => undefined);

/** A file that is not there is reported by who loads it. */
function isSmall(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) < smallModel;
}

function declared(value: InferenceSession.ValueMetadata): DeclaredTensor {
  return value.isTensor
    ? { name: value.name, type: value.type, shape: [...value.shape] }
    : { name: value.name, type: undefined, shape: [] };
}

async function run(session: InferenceSession, images: readonly ImageTensor[], form: BatchForm): Promise<Row[]> {
  const { input, outputs } = form;
  const feed = new Tensor(input.type, together(images, input.type), [images.length, ...input.shape]);
  const result = await session.run(
    { [input.name]: feed },
    outputs.map(({ name }) => name),
  );
  const columns = outputs.map(({ name, perImage }) => apart(name, result[name], perImage, images.length));
  return images.map((_, index) => ({ outputs: columns.flatMap(column => column[index] ?? []) }));
}

/** The batch, in memory that is used again: fresh memory is cleared page by page, and the model takes none that is shared. */
let gathered = new ArrayBuffer();

/** The images one after the other; a single one that the model can take as it is, is not copied. */
function together(images: readonly ImageTensor[], type: 'float32' | 'uint8'): ImageTensor {
  const Type = type === 'uint8' ? Uint8Array : Float32Array;
  const [first = new Type()] = images;
  if (images.length === 1 && first instanceof Type && first.buffer instanceof ArrayBuffer) return first;
  const length = first.length * images.length;
  if (gathered.byteLength < length * Type.BYTES_PER_ELEMENT)
    gathered = new ArrayBuffer(length * Type.BYTES_PER_ELEMENT);
  const batch = new Type(gathered, 0, length);
  images.forEach((image, index) => batch.set(image, index * first.length));
  return batch;
}

/** An output of a run as one tensor an image. The values are copied: the run's own memory cannot move to another thread. */
function apart(name: string, tensor: Tensor | undefined, perImage: boolean, images: number): OutputTensor[] {
  if (!tensor) throw new Error(`The model gave no output ${name}.`);
  const data = (tensor.data as Float32Array | string[]).slice();
  if (!perImage) return [{ data, shape: tensor.dims }];
  if (tensor.dims[0] !== images)
    throw new Error(`The model answered ${images} images with an output of shape [${tensor.dims.join(', ')}].`);
  const length = data.length / images;
  const shape = tensor.dims.slice(1);
  return Array.from({ length: images }, (_, index) => ({
    data: Array.isArray(data)
      ? data.slice(index * length, (index + 1) * length)
      : data.subarray(index * length, (index + 1) * length),
    shape,
  }));
}

/** A batch that fails is run again image by image, so that only the one that is to blame fails. */
async function runApart(session: InferenceSession, images: readonly ImageTensor[], form: BatchForm): Promise<Row[]> {
  try {
    return await run(session, images, form);
  } catch (error) {
    if (images.length === 1) return [{ failure: messageOf(error) }];
    const rows: Row[] = [];
    for (const image of images) rows.push(...(await runApart(session, [image], form)));
    return rows;
  }
}

function buffersOf(rows: readonly Row[]): ArrayBuffer[] {
  const tensors = rows.flatMap(row => ('outputs' in row ? row.outputs : []));
  return [...new Set(tensors.flatMap(({ data }) => (Array.isArray(data) ? [] : [data.buffer as ArrayBuffer])))];
}

answerRequests(async message => {
  const request = message as ModelRequest;
  const session = await loaded;
  if (request === 'describe') {
    const body: ModelAnswer = {
      inputs: session.inputMetadata.map(declared),
      outputs: session.outputMetadata.map(declared),
    };
    return { body, transfer: [] };
  }
  const rows = await runApart(session, request.images, request.form);
  return { body: rows satisfies ModelAnswer, transfer: buffersOf(rows) };
});
