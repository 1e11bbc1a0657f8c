import assert from 'node:assert/strict';
import { plain } from './support/pictures';
import { body, type Failure, modelFolder, type Prediction, Runtime } from './support/runtime';

describe('a multipart form', () => {
  let runtime: Runtime;
  before(async () => (runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_MAX_QUEUED_IMAGES: '5' })));
  after(() => runtime.stop());

  async function send(form: FormData): Promise<Response> {
    return fetch(`${runtime.url}/score`, { method: 'POST', body: form });
  }

  async function file(colour: 'red' | 'green' | 'blue', type = 'image/png'): Promise<Blob> {
    return new Blob([new Uint8Array(await plain(colour))], { type });
  }

  it('has its images answered in its order, whatever their fields are called', async () => {
    const form = new FormData();
    form.append('note', 'not an image');
    form.append('images', await file('blue'), 'a.png');
    form.append('images', await file('red', 'application/octet-stream'), 'b "quoted".bin');
    form.append('other', await file('green'));
    const answer = await send(form);
    const { predictions } = await body<{ predictions: Prediction[] }>(answer);
    assert.deepEqual(
      predictions.map(({ label }) => label),
      ['blue', 'red', 'green'],
    );
  });

  it('of one image is answered with a list of one', async () => {
    const form = new FormData();
    form.append('image', await file('green'), 'one.png');
    const { predictions } = await body<{ predictions: Prediction[] }>(await send(form));
    assert.equal(predictions.length, 1);
  });

  it('with a bad image says which', async () => {
    const form = new FormData();
    form.append('a', await file('green'), 'a.png');
    form.append('b', new Blob(['nothing']), 'b.png');
    const answer = await send(form);
    assert.equal(answer.status, 400);
    assert.match((await body<Failure>(answer)).error.message, /^images\[1\]: .*not a JPEG/);
  });

  const part = '--x\r\ncontent-disposition: form-data; name="a"; filename="a.png"\r\n\r\nabc\r\n';
  for (const [what, type, text, status, message] of [
    ['without a boundary', 'multipart/form-data', part, 400, /no boundary/],
    ['with another boundary', 'multipart/form-data; boundary=y', part, 400, /does not have the boundary/],
    ['that is cut off', 'multipart/form-data; boundary=x', part, 400, /cut off/],
    ['of a part without headers', 'multipart/form-data; boundary=x', '--x\r\nabc\r\n--x--', 400, /no headers/],
    ['without a file', 'multipart/form-data; boundary="x"', '--x--\r\n', 400, /no file/],
    ['that is empty', 'multipart/form-data; boundary=x', '', 400, /does not have the boundary/],
    ['of too many images', 'multipart/form-data; boundary=x', `${part.repeat(6)}--x--`, 413, /at most 5/],
    [
      'of very many parts',
      'multipart/form-data; boundary=x',
      `${'--x\r\n\r\n\r\n'.repeat(9999)}--x--`,
      413,
      /at most 5/,
    ],
  ] as const) {
    it(`${what} is refused`, async () => {
      const answer = await runtime.score(Buffer.from(text), type);
      const { error } = await body<Failure>(answer);
      assert.equal(answer.status, status, error.message);
      assert.match(error.message, message);
    });
  }
});
