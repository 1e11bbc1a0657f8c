import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ModelCopy } from './support/model-copy';
import { body, imageFile, modelFolder, type Prediction, Runtime } from './support/runtime';

type Json = Record<string, unknown>;

const photographs = resolve(__dirname, '../../samples/training/data/photographs');

/** A file of the model `network`; make_network.py says what it holds. */
function written(file: string): unknown {
  return JSON.parse(readFileSync(join(modelFolder('network'), file), 'utf8'));
}

/** AVIF is read by libheif here and by libavif there, which spread colours of half the resolution otherwise. */
function tolerance(file: string): number {
  return file === 'coffee.avif' ? 5e-3 : 1e-3;
}

describe('the probabilities of photographs', () => {
  const variants = written('variants.json') as Record<string, Json>;
  const expected = written('expected.json') as Record<string, Record<string, number[]>>;
  let model: ModelCopy;
  let runtime: Runtime;
  before(async () => {
    model = new ModelCopy('network');
    for (const [name, change] of Object.entries(variants))
      model.copyTo(name, manifest => {
        const file = change['layout'] === 'NHWC' ? 'nhwc.onnx' : 'model.onnx';
        Object.assign(manifest, { name, model: file, input: { ...(manifest['input'] as Json), ...change } });
      });
    for (const file of ['guardian-model.json', 'model.onnx', 'nhwc.onnx']) model.delete(file);
    runtime = await Runtime.ready(model.folder, { GUARDIAN_INFERENCE_THREADS: '1', GUARDIAN_DECODE_THREADS: '1' });
  });
  after(async () => {
    await runtime.stop();
    model.remove();
  });

  for (const name of Object.keys(variants))
    it(`are those of Python within 0.001 where the manifest has the preprocessing "${name}"`, async () => {
      const pictures = Object.entries(expected[name] ?? {});
      assert.ok(pictures.length === 15, String(pictures.length));
      for (const [file, values] of pictures) {
        const bytes = readFileSync(/^coffee[-.](?!jpg)/.test(file) ? imageFile(file) : join(photographs, file));
        const answer = await fetch(`${runtime.url}/models/${name}/score`, {
          method: 'POST',
          headers: { 'content-type': 'application/octet-stream' },
          body: new Uint8Array(bytes),
        });
        const found = Object.values((await body<Prediction>(answer)).probabilities);
        assert.equal(found.length, values.length);
        for (const [index, value] of values.entries())
          assert.ok(
            Math.abs((found[index] ?? NaN) - value) <= tolerance(file),
            `${file}: ${String(found)}, not ${String(values)}`,
          );
      }
    });
});
