/**
 * The thread that holds the model. onnxruntime-node loads and runs a model in the calling thread (1.30: behind a
 * setImmediate, not beside it), so on the server's own thread each batch would stop every other answer, probes too.
 */
import { workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { BatchAnswer, BatchRequest, ModelThreadData, Row } from './model';
import { resolveSignature } from './model-signature';
import { answerRequests } from './thread';

const { file, threads, spec, outputName } = workerData as ModelThreadData;

async function load() {
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  }).catch((error: unknown) => {
    throw new Error(`${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  });
  return { session, signature: resolveSignature(session, spec, outputName) };
}

const loaded = load();
// The first request reports a failure; until then it must not end the thread.
loaded.catch(() => undefined);

type Loaded = Awaited<typeof loaded>;

/** The batch, in memory that is used again: fresh memory is cleared page by page, and the model takes none that is shared. */
let gathered = new Float32Array();

async function run({ session, signature }: Loaded, images: readonly Float32Array[]): Promise<Row[]> {
  const length = 3 * spec.width * spec.height;
  if (gathered.length < length * images.length) gathered = new Float32Array(length * images.length);
  const batch = gathered.subarray(0, length * images.length);
  images.forEach((image, index) => batch.set(image, index * length));
  const size = spec.layout === 'NCHW' ? [3, spec.height, spec.width] : [spec.height, spec.width, 3];
  const input = new Tensor('float32', batch, [images.length, ...size]);
  const result = (await session.run({ [signature.input]: input }, [signature.output]))[signature.output];
  if (!result || !(result.data instanceof Float32Array)) throw new Error('The model gave no float32 output.');
  if (result.dims[0] !== images.length) {
    throw new Error(`The model answered ${images.length} images with an output of shape [${result.dims.join(', ')}].`);
  }
  const output = Float32Array.from(result.data);
  const width = output.length / images.length;
  return images.map((_, index) => ({ output: output.subarray(index * width, (index + 1) * width) }));
}

/** A batch that fails is run again image by image, so that only the one that is to blame fails. */
async function runApart(model: Loaded, images: readonly Float32Array[]): Promise<Row[]> {
  try {
    return await run(model, images);
  } catch (error) {
    if (images.length === 1) return [{ failure: error instanceof Error ? error.message : String(error) }];
    const rows: Row[] = [];
    for (const image of images) rows.push(...(await runApart(model, [image])));
    return rows;
  }
}

answerRequests(async request => {
  const { images } = request as BatchRequest;
  const model = await loaded;
  const rows = images.length > 0 ? await runApart(model, images) : [];
  const buffers = new Set(rows.flatMap(row => ('output' in row ? [row.output.buffer] : [])));
  return { body: { rows, maxBatch: model.signature.maxBatch } satisfies BatchAnswer, transfer: [...buffers] };
});
