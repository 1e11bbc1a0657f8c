/** A thread that decodes images, so that the server's own thread stays free to answer. */
import { workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { ImageReader } from './image';
import type { ImageAnswer, ImageRequest, ImageThreadData } from './image-pool';
import { ScoringError } from './scoring-error';
import { answerRequests } from './thread';

const { spec, maxPixels } = workerData as ImageThreadData;

// Images are decoded side by side, so each one takes one processor; and no image comes twice.
sharp.concurrency(1);
sharp.cache(false);
const reader = new ImageReader(spec, maxPixels);

answerRequests(async request => {
  const { bytes, target } = request as ImageRequest;
  try {
    return { body: { times: await reader.read(bytes, target) } satisfies ImageAnswer, transfer: [] };
  } catch (error) {
    if (!(error instanceof ScoringError)) throw error;
    return { body: { refusal: { code: error.code, message: error.message } } satisfies ImageAnswer, transfer: [] };
  }
});
