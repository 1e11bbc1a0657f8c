import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ModelCopy } from './support/model-copy';
import { colours, plain } from './support/pictures';
import { body, imageFile, modelFolder, type Prediction, Runtime } from './support/runtime';

interface TensorAnswer {
  readonly model: string;
  readonly digest: string;
  readonly outputs: Record<string, { datatype: string; shape: number[]; data: number[] }>;
}

describe('a model from elsewhere, by its manifest alone', () => {
  it('takes BGR less a mean, channels last, and gives probabilities itself', async () => {
    const runtime = await Runtime.ready(modelFolder('caffe'));
    try {
      const { label, probabilities } = await body<Prediction>(await runtime.score(await plain('blue'), 'image/png'));
      assert.equal(label, 'blue');
      const { r, g, b } = colours.blue;
      const powers = [r - 123, g - 117, b - 104].map(level => Math.exp((10 * level) / 255));
      const sum = powers.reduce((total, power) => total + power, 0);
      for (const [index, value] of Object.values(probabilities).entries())
        assert.ok(Math.abs(value - (powers[index] ?? 0) / sum) < 1e-3, JSON.stringify(probabilities));
    } finally {
      await runtime.stop();
    }
  });

  describe('that finds things', () => {
    let runtime: Runtime;
    before(async () => (runtime = await Runtime.ready(modelFolder('detector'))));
    after(() => runtime.stop());

    it('takes bytes, and answers with the outputs that the manifest names', async () => {
      const image = (await plain('green')).toString('base64');
      const answer = await runtime.score({ images: [image, image] });
      const { predictions } = await body<{ predictions: TensorAnswer[] }>(answer);
      assert.equal(predictions.length, 2);
      for (const { model, digest, outputs } of predictions) {
        assert.equal(model, 'detector');
        assert.match(digest, /^[0-9a-f]{64}$/);
        assert.deepEqual(outputs, {
          scores: { datatype: 'FP32', shape: [3], data: [30, 220, 30] },
          classes: { datatype: 'INT64', shape: [3], data: [1, 0, 2] },
          found: { datatype: 'INT64', shape: [2, 1], data: [0, 1] },
        });
      }
    });

    it('keeps the answers of requests at the same time apart', async () => {
      const names = ['red', 'green', 'blue', 'white'] as const;
      const pictures = await Promise.all(names.map(name => plain(name)));
      const found = await Promise.all(
        Array.from({ length: 24 }, async (_, index) => {
          const answer = await runtime.score(pictures[index % 4] ?? Buffer.alloc(0), 'image/png');
          return (await body<TensorAnswer>(answer)).outputs['found']?.data.slice(-1)[0];
        }),
      );
      assert.deepEqual(
        found,
        found.map((_, index) => [0, 1, 2, 2][index % 4]),
      );
    });

    it('speaks V2 with raw bytes, one image a request', async () => {
      const infer = (count: number, data: number[]) =>
        fetch(`${runtime.url}/v2/models/detector/infer`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            inputs: [{ name: 'picture', datatype: 'UINT8', shape: [count, 32, 32, 3], data }],
            outputs: [{ name: 'scores' }],
          }),
        });
      const pixels = Array<number[]>(32 * 32)
        .fill([1, 2, 203])
        .flat();
      const { outputs } = await body<{ outputs: { data: number[]; shape: number[] }[] }>(await infer(1, pixels));
      assert.deepEqual(outputs[0]?.shape, [1, 3]);
      for (const [index, level] of [1, 2, 203].entries())
        assert.ok(Math.abs((outputs[0].data[index] ?? 0) - level) < 0.01);
      const two = await infer(2, [...pixels, ...pixels]);
      assert.equal(two.status, 400);
      assert.match((await body<{ error: string }>(two)).error, /found has no batch axis/);
    });
  });

  it('prefers a label that reaches its threshold, and leaves one that does not', async () => {
    const model = new ModelCopy('colour');
    model.change(manifest => (manifest['thresholds'] = { red: 0.2, green: 0.9999 }));
    const runtime = await Runtime.ready(model.folder);
    try {
      // About 0.25 red, 0.75 green.
      const mixed = await import('sharp').then(({ default: sharp }) =>
        sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 100, g: 128, b: 0 } } })
          .png()
          .toBuffer(),
      );
      const answer = await body<Prediction>(await runtime.score(mixed, 'image/png'));
      assert.equal(answer.label, 'red');
      assert.ok(answer.probability < 0.5);
      assert.equal(answer.probability, answer.probabilities['red']);
      assert.equal((await body<Prediction>(await runtime.score(await plain('green'), 'image/png'))).label, 'blue');
    } finally {
      await runtime.stop();
      model.remove();
    }
  });
});

describe('a model without a manifest', () => {
  const models: ModelCopy[] = [];
  let runtime: Runtime | undefined;
  const copy = (model: string) => {
    const made = new ModelCopy(model);
    made.delete('guardian-model.json');
    models.push(made);
    return made;
  };
  afterEach(async () => {
    await runtime?.stop();
    runtime = undefined;
    models.splice(0).forEach(model => model.remove());
  });

  it('is fed as Hugging Face says beside it, with its labels', async () => {
    const model = copy('colour');
    model.write('config.json', JSON.stringify({ id2label: { 1: 'green', 0: 'red', 2: 'blue' } }));
    const preprocessing = { do_rescale: true, do_normalize: true, image_mean: [0, 0, 0], image_std: [1, 1, 1] };
    model.write('preprocessor_config.json', JSON.stringify({ ...preprocessing, size: { height: 32, width: 32 } }));
    runtime = await Runtime.ready(model.folder);
    const known = await Runtime.ready(modelFolder('colour'));
    try {
      const photograph = readFileSync(imageFile('cat.jpg'));
      const [found, expected] = await Promise.all(
        [runtime, known].map(async one => body<Prediction>(await one.score(photograph, 'image/jpeg'))),
      );
      assert.deepEqual(found?.probabilities, expected?.probabilities);
    } finally {
      await known.stop();
    }
    const { guesses } = (await runtime.line(/inferred/)) as unknown as { guesses: string[] };
    assert.deepEqual(guesses.length, 1, guesses.join());
    assert.match(guesses[0] ?? '', /activation: softmax/);
  });

  it('that says nothing of itself gets what is usual, and the log says what was guessed', async () => {
    const model = copy('caffe');
    model.write('labels.txt', 'red\ngreen\n\nblue\n');
    runtime = await Runtime.ready(model.folder, { GUARDIAN_MODEL_NAME: 'found' });
    const line = await runtime.line(/inferred/);
    assert.match(JSON.stringify(line['guesses']), /32 x 32, RGB, stretched.*ImageNet.*activation: none/);
    const answer = await body<Prediction>(await runtime.score(await plain('green'), 'image/png'));
    assert.equal(answer.model, 'found');
    assert.deepEqual(Object.keys(answer.probabilities), ['red', 'green', 'blue']);
    const sum = Object.values(answer.probabilities).reduce((total, value) => total + value, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5);
  });

  it('that is no classifier answers with all its outputs', async () => {
    const model = copy('detector');
    runtime = await Runtime.ready(model.folder);
    const { outputs } = await body<TensorAnswer>(await runtime.score(await plain('red'), 'image/png'));
    assert.deepEqual(Object.keys(outputs), ['scores', 'classes', 'found']);
    assert.deepEqual(outputs['scores']?.data, [220, 30, 30]);
  });

  it('is found by the MLmodel that MLflow wrote', async () => {
    const model = copy('colour');
    model.write('other.onnx', 'not this one');
    model.write(
      'MLmodel',
      'flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.23.2\n  python_function: {}\n',
    );
    runtime = await Runtime.ready(model.folder);
    assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
  });

  it('is refused where MLflow wrote no ONNX, and where nothing says which of two files it is', async () => {
    const model = copy('colour');
    model.write('other.onnx', 'which one?');
    await assert.rejects(Runtime.ready(model.folder), /several ONNX files \(model\.onnx, other\.onnx\)/);
    model.write('MLmodel', 'flavors:\n  sklearn:\n    pickled_model: model.pkl\n');
    await assert.rejects(Runtime.ready(model.folder), /no flavour onnx.*it has sklearn/);
  });
});
