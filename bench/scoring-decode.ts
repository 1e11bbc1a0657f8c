import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageAnswer, ImageRequest, ImageThreadData } from '../scoring-runtime/src/image-pool';
import { Thread } from '../scoring-runtime/src/thread';
import { root } from '../scripts/product';
import { imageNetInput } from './scoring-servers';

/** Milliseconds for one photograph from JPEG to the model's input of 224 pixels, on the server's own image thread. */
export async function decodeMilliseconds(file: string, runs: number): Promise<number[]> {
  const data: ImageThreadData = { spec: imageNetInput(224), maxPixels: 32_000_000 };
  const thread = new Thread<ImageRequest, ImageAnswer>(
    join(root, 'scoring-runtime/dist/image-thread.js'),
    data,
    error => {
      throw error;
    },
  );
  try {
    const target = new Float32Array(new SharedArrayBuffer(3 * 224 * 224 * 4));
    const times: number[] = [];
    for (let run = -10; run < runs; run++) {
      const answer = await thread.ask({ bytes: new Uint8Array(readFileSync(file)), target });
      if ('refusal' in answer) throw new Error(answer.refusal.message);
      if (run >= 0) times.push(answer.times.decodeMilliseconds + answer.times.resizeMilliseconds);
    }
    return times;
  } finally {
    await thread.stop();
  }
}
