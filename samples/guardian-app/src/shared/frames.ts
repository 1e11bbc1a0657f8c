import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Poison } from './failure';

/** How long ffmpeg may take for one video, in milliseconds. */
const limitMilliseconds = 120_000;

/** Downloads a video into a folder of its own, which is gone afterwards. @throws Poison when there is no such object */
export async function withVideoFile<T>(
  s3: S3Client,
  object: { bucket: string; key: string },
  use: (file: string, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'guardian-video-'));
  try {
    const file = join(folder, 'video');
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: object.bucket, Key: object.key }));
      await pipeline(Body as Readable, createWriteStream(file));
    } catch (error) {
      if ((error as Error).name !== 'NoSuchKey') throw error;
      throw new Poison(`The video ${object.key} is not in the bucket ${object.bucket}.`);
    }
    return await use(file, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The video's length in seconds. @throws Poison when the file is no video */
async function durationOf(file: string): Promise<number> {
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-protocol_whitelist', 'file', '-select_streams', 'v:0'],
    ...['-show_entries', 'stream=codec_type:format=duration', '-of', 'json', file],
  ]);
  const { streams = [], format = {} } = JSON.parse(stdout.toString()) as {
    streams?: unknown[];
    format?: { duration?: string };
  };
  if (streams.length === 0) throw new Poison('The file holds no video stream.');
  const seconds = Number(format.duration);
  return seconds > 0 ? seconds : 1;
}

/** Small frames as raw RGB bytes, `size` × `size` × 3 each, evenly over the video. */
export async function rawFrames(file: string, count: number, size: number): Promise<Buffer[]> {
  const rate = count / (await durationOf(file));
  const { stdout } = await run('ffmpeg', [
    ...['-nostdin', '-v', 'error', '-protocol_whitelist', 'file,pipe', '-i', file],
    ...['-vf', `fps=${rate.toFixed(6)}:round=up,scale=${size}:${size}`, '-frames:v', String(count)],
    ...['-pix_fmt', 'rgb24', '-f', 'rawvideo', 'pipe:1'],
  ]);
  const bytes = size * size * 3;
  const frames = Array.from({ length: Math.floor(stdout.length / bytes) }, (_, index) =>
    stdout.subarray(index * bytes, (index + 1) * bytes),
  );
  if (frames.length === 0) throw new Poison('ffmpeg found no frame in the video.');
  return frames;
}

/** JPEG frames, evenly over the video, at most `longestSide` pixels on their longer side. */
export async function jpegFrames(file: string, folder: string, count: number, longestSide: number): Promise<Buffer[]> {
  const rate = count / (await durationOf(file));
  const scale = `scale='min(${longestSide},iw)':'min(${longestSide},ih)':force_original_aspect_ratio=decrease`;
  await run('ffmpeg', [
    ...['-nostdin', '-v', 'error', '-protocol_whitelist', 'file,pipe', '-i', file],
    ...['-vf', `fps=${rate.toFixed(6)}:round=up,${scale}`, '-frames:v', String(count), '-q:v', '3'],
    join(folder, 'frame-%04d.jpg'),
  ]);
  const names = (await readdir(folder)).filter(name => name.startsWith('frame-')).sort();
  if (names.length === 0) throw new Poison('ffmpeg found no frame in the video.');
  return Promise.all(names.map(name => readFile(join(folder, name))));
}

function run(command: string, args: string[]): Promise<{ stdout: Buffer }> {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', timeout: limitMilliseconds, maxBuffer: 64 * 1024 * 1024 } as const;
    execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return resolve({ stdout });
      if (error.code === 'ENOENT')
        return reject(new Error(`${command} is not installed: the image needs the package ffmpeg.`));
      if (error.killed)
        return reject(new Poison(`${command} did not get through the video in ${limitMilliseconds / 1000} s.`));
      reject(new Poison(`${command} cannot read the video: ${stderr.toString().trim().slice(-300)}`));
    });
  });
}
