import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { ModelCopy } from './support/model-copy';
import { body, imageFile, modelFolder, type Prediction, Runtime } from './support/runtime';

/** For each photograph and model, the input that Pillow computes: three planes of 8 x 8. */
const expected = JSON.parse(readFileSync(imageFile('expected.json'), 'utf8')) as Record<
  string,
  Record<string, number[]>
>;

/** The models answer with their input. */
async function pixels(runtime: Runtime, image: Buffer, path = '/score'): Promise<number[]> {
  const answer = await fetch(runtime.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(image),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return Object.values((await body<Prediction>(answer)).probabilities);
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? NaN))));
}

for (const model of ['pixels', 'cropped-pixels']) {
  describe(`the input of a model, ${model === 'pixels' ? 'stretched' : 'scaled and cropped'}`, () => {
    let runtime: Runtime;
    before(async () => (runtime = await Runtime.ready(modelFolder(model))));
    after(() => runtime.stop());

    for (const file of ['cat-small.png', 'cat.jpg', 'rocket.jpg']) {
      it(`is what Pillow makes of ${file}, to the last bit`, async () => {
        const got = await pixels(runtime, readFileSync(imageFile(file)));
        assert.equal(largestDifference(got, expected[file]?.[model] ?? []), 0);
      });
    }
  });
}

describe('the input of a model whose manifest asks for', () => {
  const ways = {
    bicubic: { filter: 'bicubic' },
    lanczos: { filter: 'lanczos' },
    'opencv-linear': { filter: 'opencv-linear' },
    letterbox: { resize: 'letterbox' },
    'padded-letterbox': { resize: 'letterbox', padding: 200 },
  };
  /** Grey of level 200. */
  const wide = sharp({ create: { width: 64, height: 1, channels: 3, background: '#c8c8c8' } });
  let model: ModelCopy;
  let runtime: Runtime;
  before(async () => {
    model = new ModelCopy('pixels');
    for (const [name, change] of Object.entries(ways))
      model.copyTo(name, manifest =>
        Object.assign(manifest, { name, input: { ...(manifest['input'] as object), ...change } }),
      );
    for (const file of ['guardian-model.json', 'model.onnx']) model.delete(file);
    runtime = await Runtime.ready(model.folder, { GUARDIAN_INFERENCE_THREADS: '1', GUARDIAN_DECODE_THREADS: '1' });
  });
  after(async () => {
    await runtime.stop();
    model.remove();
  });

  for (const way of ['bicubic', 'lanczos', 'opencv-linear', 'letterbox'] as const)
    it(`${way} is that of Python, to the last bit`, async () => {
      for (const file of ['cat-small.png', 'cat.jpg', 'rocket.jpg']) {
        const got = await pixels(runtime, readFileSync(imageFile(file)), `/models/${way}/score`);
        assert.equal(largestDifference(got, expected[file]?.[way] ?? []), 0, file);
      }
    });

  it('a letterbox has its padding normalised too', async () => {
    // Padding of the picture's own grey: nobody can tell where it begins.
    const got = await pixels(runtime, await wide.png().toBuffer(), '/models/padded-letterbox/score');
    assert.deepEqual(new Set(got), new Set([200]));
  });

  it('a letterbox has its padding normalised too where channels are side by side', async () => {
    const caffe = new ModelCopy('caffe');
    caffe.change(manifest => Object.assign(manifest['input'] as object, { resize: 'letterbox', padding: 200 }));
    const other = await Runtime.ready(caffe.folder);
    try {
      const answer = await body<Prediction>(await other.score(await wide.png().toBuffer(), 'image/png'));
      assert.ok(answer.label === 'blue' && answer.probability > 0.4, JSON.stringify(answer));
    } finally {
      await other.stop();
      caffe.remove();
    }
  });
});

describe('pictures of every kind', () => {
  let runtime: Runtime;
  before(async () => (runtime = await Runtime.ready(modelFolder('pixels'))));
  after(() => runtime.stop());

  const small = sharp(imageFile('cat-small.png'));
  const reference = expected['cat-small.png']?.['pixels'] ?? [];

  it('are turned upright by their EXIF orientation', async () => {
    const turned = await small
      .clone()
      .rotate(90)
      .png()
      .toBuffer()
      .then(image => sharp(image).withMetadata({ orientation: 8 }).png().toBuffer());
    assert.equal(largestDifference(await pixels(runtime, turned), reference), 0);
  });

  it('are turned upright by the EXIF orientation of a JPEG too, all eight', async () => {
    const photograph = imageFile('cat.jpg');
    for (let orientation = 1; orientation <= 8; orientation++) {
      const tagged = await sharp(photograph).keepMetadata().withMetadata({ orientation }).jpeg().toBuffer();
      const shown = await sharp(tagged).autoOrient().png().toBuffer();
      assert.equal(
        largestDifference(await pixels(runtime, tagged), await pixels(runtime, shown)),
        0,
        `orientation ${orientation}`,
      );
    }
  });

  it('may be large: what is scaled down while it is decoded stays within 3 of 255 levels', async () => {
    const large = await sharp(imageFile('cat.jpg')).resize(3200, 2400).jpeg().toBuffer();
    const decoded = await sharp(large).png().toBuffer();
    assert.ok(largestDifference(await pixels(runtime, large), await pixels(runtime, decoded)) <= 3);
  });

  it('may be grey', async () => {
    for (const format of ['jpeg', 'png'] as const) {
      const grey = await small.clone().greyscale().toColourspace('b-w').toFormat(format).toBuffer();
      assert.equal((await sharp(grey).metadata()).channels, 1);
      const got = await pixels(runtime, grey);
      assert.deepEqual(got.slice(0, 64), got.slice(64, 128));
      assert.deepEqual(got.slice(0, 64), got.slice(128));
    }
  });

  it('may be transparent: the colours count, as Pillow has it', async () => {
    const { data, info } = await small.clone().ensureAlpha(0).raw().toBuffer({ resolveWithObject: true });
    const clear = await sharp(data, { raw: { width: info.width, height: info.height, channels: 4 } })
      .png()
      .toBuffer();
    assert.equal(largestDifference(await pixels(runtime, clear), reference), 0);
  });

  it('may have 16 bits a channel', async () => {
    const deep = await small.clone().toColourspace('rgb16').png().toBuffer();
    assert.equal((await sharp(deep).metadata()).depth, 'ushort');
    assert.ok(largestDifference(await pixels(runtime, deep), reference) <= 1);
  });

  it('may be smaller than the input, or one pixel', async () => {
    const dot = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#0a141e' } })
      .png()
      .toBuffer();
    const got = await pixels(runtime, dot);
    assert.deepEqual([got[0], got[64], got[128]], [10, 20, 30]);
  });

  for (const [file, what, levels] of [
    ['cat-small-cmyk.jpg', 'CMYK', 0],
    ['cat-small-grey.jpg', 'a grey JPEG', 0],
    ['cat-small.gif', 'the first frame of a GIF', 0],
    ['cat-small.webp', 'WebP', 0],
    ['cat-small.avif', 'AVIF', 2],
  ] as const) {
    it(`may be ${what}: as Pillow reads it, within ${levels} of 255 levels`, async () => {
      const difference = largestDifference(
        await pixels(runtime, readFileSync(imageFile(file))),
        expected[file]?.['pixels'] ?? [],
      );
      assert.ok(difference <= levels, String(difference));
    });
  }
});
