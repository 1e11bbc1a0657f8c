import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Two seconds of H.264 made of the repository's photographs, or of one colour. */
export async function smallVideo(root: string, from: { photographs: string[] } | { colour: string }): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'guardian-film-'));
  try {
    const file = join(folder, 'film.mp4');
    const inputs =
      'colour' in from
        ? ['-f', 'lavfi', '-i', `color=c=${from.colour}:size=160x120:rate=10:duration=2`]
        : from.photographs.flatMap(name => [
            ...['-loop', '1', '-framerate', '10', '-t', String(2 / from.photographs.length)],
            ...['-i', join(root, 'samples/training/data/photographs', name)],
          ]);
    const count = 'colour' in from ? 1 : from.photographs.length;
    const scaled = Array.from({ length: count }, (_, index) => `[${index}:v]scale=160:120,setsar=1[v${index}]`);
    const joined = `${Array.from({ length: count }, (_, index) => `[v${index}]`).join('')}concat=n=${count}:v=1[v]`;
    const filter = ['-filter_complex', [...scaled, joined].join(';'), '-map', '[v]'];
    await promisify(execFile)('ffmpeg', ['-v', 'error', ...inputs, ...filter, '-pix_fmt', 'yuv420p', '-y', file]);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
