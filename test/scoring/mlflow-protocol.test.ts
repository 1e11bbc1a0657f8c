import assert from 'node:assert/strict';
import { plain } from './support/pictures';
import { body, type Failure, modelFolder, type Prediction, Runtime } from './support/runtime';

const plane = Array.from({ length: 32 }, () => Array<number>(32).fill(1));
const dark = Array.from({ length: 32 }, () => Array<number>(32).fill(0));

describe("MLflow's scoring protocol", () => {
  let runtime: Runtime;
  let images: string[];
  before(async () => {
    runtime = await Runtime.ready(modelFolder('colour'));
    images = [(await plain('green')).toString('base64'), (await plain('blue', 'jpeg')).toString('base64')];
  });
  after(() => runtime.stop());

  async function invoke(request: object | string): Promise<Response> {
    return fetch(`${runtime.url}/invocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof request === 'string' ? request : JSON.stringify(request),
    });
  }

  it('is alive by /ping and /health, and has a version', async () => {
    for (const path of ['/ping', '/health']) assert.equal((await runtime.get(path)).status, 200);
    assert.match(await (await runtime.get('/version')).text(), /^\d+\.\d+\.\d+$/);
  });

  for (const [form, request] of [
    ['inputs', () => ({ inputs: images })],
    ['inputs by name', () => ({ inputs: { image: images } })],
    ['instances', () => ({ instances: images })],
    ['instances as TensorFlow Serving has them', () => ({ instances: images.map(b64 => ({ b64 })) })],
    ['instances by name', () => ({ instances: images.map(image => ({ image: { b64: image } })) })],
    [
      'dataframe_split',
      () => ({ dataframe_split: { columns: ['id', 'image'], data: images.map((one, id) => [id, one]) } }),
    ],
    [
      'dataframe_split of one column',
      () => ({ dataframe_split: { columns: ['pixels'], data: images.map(one => [one]) } }),
    ],
    ['dataframe_records', () => ({ dataframe_records: images.map((image, id) => ({ id, image })) })],
    ["Azure ML's input_data", () => ({ input_data: { columns: ['image'], index: [0, 1], data: images } })],
    ["Azure ML's input_data as a list", () => ({ input_data: images })],
  ] as const) {
    it(`takes images as ${form}`, async () => {
      const answer = await invoke(request());
      const { predictions } = await body<{ predictions: Prediction[] }>(answer);
      assert.deepEqual(
        predictions.map(({ label }) => label),
        ['green', 'blue'],
      );
      assert.equal(predictions[0]?.model, 'colour');
    });
  }

  it('takes tensors, and answers with the outputs of the model by name', async () => {
    const red = [plane, dark, dark];
    for (const request of [{ inputs: [red, red] }, { inputs: { image: [red, red] } }, { instances: [red, red] }]) {
      assert.deepEqual(await (await invoke(request)).json(), {
        predictions: {
          logits: [
            [10, 0, 0],
            [10, 0, 0],
          ],
        },
      });
    }
  });

  it('takes the bytes of an image', async () => {
    const answer = await fetch(`${runtime.url}/invocations`, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(await plain('red')),
    });
    assert.equal((await body<{ predictions: Prediction[] }>(answer)).predictions[0]?.label, 'red');
  });

  for (const [what, request, message] of [
    ['none of the forms', { image: 'YQ==' }, /one of inputs, instances/],
    ['two forms', { inputs: ['YQ=='], instances: ['YQ=='] }, /one of inputs, instances/],
    ['nothing in it', { inputs: [] }, /no image in it/],
    ['no base64', { instances: ['%'] }, /'instances\[0\]' is not base64/],
    ['an image that is none', { instances: ['YWJj'] }, /instances\[0\]: .*not a JPEG/],
    ['numbers of another shape', { inputs: [[1, 2, 3]] }, /shape \[3, 32, 32\]/],
    ['lists without an end', `{"inputs":${'['.repeat(500_000)}${']'.repeat(500_000)}}`, /more than 16 levels/],
    ['columns without an image', { dataframe_split: { columns: ['a', 'b'], data: [[1, 2]] } }, /column 'image'/],
    ['rows without an image', { dataframe_records: [{ a: 1, b: 2 }] }, /no 'image'/],
  ] as const) {
    it(`refuses a body with ${what}`, async () => {
      const answer = await invoke(request);
      const { error } = await body<Failure>(answer);
      assert.equal(answer.status, 400, error.message);
      assert.match(error.message, message);
    });
  }
});
