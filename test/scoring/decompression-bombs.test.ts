import assert from 'node:assert/strict';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { plain } from './support/pictures';
import { residentMegabytes } from './support/process-memory';
import { body, type Failure, modelFolder, Runtime } from './support/runtime';

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** A JPEG of large size whose last scan comes again and again: each time every block is gone through. */
async function manyScans(count: number): Promise<Buffer> {
  const large = { width: 5000, height: 5000, channels: 3, background: 'grey' } as const;
  const jpeg = await sharp({ create: large }).jpeg({ progressive: true }).toBuffer();
  const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from('ffc4', 'hex')), jpeg.length - 2);
  const end = jpeg.subarray(jpeg.length - 2);
  return Buffer.concat([jpeg.subarray(0, jpeg.length - 2), ...Array<Buffer>(count).fill(scan), end]);
}

describe('a small file that becomes large', () => {
  let runtime: Runtime;
  let small: Buffer;
  before(async () => {
    small = await plain('red');
    runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_ANSWER_TIMEOUT_MS: '20000' });
    assert.equal((await runtime.score(small, 'image/png')).status, 200);
  });
  after(() => runtime.stop());

  /** The picture with something between its header and its pixels. */
  const withChunk = (type: string, data: Buffer) =>
    Buffer.concat([small.subarray(0, 33), chunk(type, data), small.subarray(33)]);

  it('is refused when it is a JPEG of ten thousand scans', async () => {
    const bomb = await manyScans(10_000);
    assert.ok(bomb.length > 300_000);
    const answer = await runtime.score(bomb, 'image/jpeg');
    assert.equal(answer.status, 400);
    assert.equal((await body<Failure>(answer)).error.code, 'InvalidImage');
  });

  it('is not unpacked where the picture does not need it', async () => {
    const packed = deflateSync(Buffer.alloc(400_000_000), { level: 1 });
    assert.ok(packed.length < 4_000_000);
    const before = residentMegabytes(runtime.pid);
    const name = Buffer.from('a\0\0');
    for (const bomb of [
      withChunk('zTXt', Buffer.concat([name, packed])),
      withChunk('iCCP', Buffer.concat([name, packed])),
      // More rows than the picture has.
      Buffer.concat([small.subarray(0, 33), chunk('IDAT', packed), chunk('IEND', Buffer.alloc(0))]),
    ])
      assert.equal((await runtime.score(bomb, 'image/png')).status, 200);
    const growth = residentMegabytes(runtime.pid) - before;
    assert.ok(growth < 150, `grew by ${growth} MB`);
  });

  it('is one picture when it is a GIF of many frames', async () => {
    const gif = await sharp(small).gif().toBuffer();
    const frame = gif.subarray(gif.indexOf(Buffer.from('21f904', 'hex')), gif.length - 1);
    const long = Buffer.concat([
      gif.subarray(0, gif.length - 1),
      ...Array<Buffer>(20_000).fill(frame),
      Buffer.from(';'),
    ]);
    assert.ok(long.length > 300_000);
    const answer = await runtime.score(long, 'image/gif');
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /"label":"red"/);
  });
});
