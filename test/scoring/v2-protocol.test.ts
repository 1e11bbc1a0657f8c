import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { plain } from './support/pictures';
import { body, modelFolder, Runtime } from './support/runtime';

interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly data?: (number | string)[];
  readonly parameters?: { readonly binary_data_size: number };
}

interface Answer {
  readonly model_name: string;
  readonly model_version?: string;
  readonly id?: string;
  readonly outputs: Tensor[];
}

const plane = 32 * 32;

/** A picture of one colour as the tensor that the model "colour" takes. */
function tensor(...colours: (readonly [number, number, number])[]): Float32Array {
  return Float32Array.from(colours.flatMap(colour => colour.flatMap(level => Array<number>(plane).fill(level))));
}

const [red, blue] = [[1, 0, 0] as const, [0, 0, 1] as const];

describe('the Open Inference Protocol', () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await Runtime.ready(modelFolder('colour'), {
      GUARDIAN_MODEL_VERSION: '7',
      GUARDIAN_MAX_BODY_BYTES: '200000',
      GUARDIAN_MAX_QUEUED_IMAGES: '4',
    });
  });
  after(() => runtime.stop());

  async function infer(request: object, path = '/v2/models/colour/infer'): Promise<Response> {
    return fetch(runtime.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
  }

  /** As the binary tensor data extension has it: the JSON, then the bytes. */
  async function inferBinary(request: object, bytes: Uint8Array, type = 'application/octet-stream'): Promise<Response> {
    const json = Buffer.from(JSON.stringify(request));
    return fetch(`${runtime.url}/v2/models/colour/infer`, {
      method: 'POST',
      headers: { 'content-type': type, 'inference-header-content-length': String(json.length) },
      body: new Uint8Array(Buffer.concat([json, bytes])),
    });
  }

  /** Takes a binary answer apart. */
  async function readBinary(answer: Response): Promise<{ json: Answer; bytes: Buffer[] }> {
    const raw = Buffer.from(await answer.arrayBuffer());
    assert.equal(answer.status, 200, raw.toString());
    const length = Number(answer.headers.get('inference-header-content-length'));
    const json = JSON.parse(raw.toString('utf8', 0, length)) as Answer;
    let at = length;
    const bytes = json.outputs.flatMap(({ parameters }) => {
      if (!parameters) return [];
      at += parameters.binary_data_size;
      return [raw.subarray(at - parameters.binary_data_size, at)];
    });
    assert.equal(at, raw.length);
    return { json, bytes };
  }

  it('says what the server is, that it lives and is ready', async () => {
    const server = await body<{ name: string; version: string; extensions: string[] }>(await runtime.get('/v2'));
    assert.match(server.version, /^\d+\.\d+\.\d+$/);
    assert.deepEqual(server.extensions, ['binary_tensor_data']);
    assert.deepEqual(await (await runtime.get('/v2/health/live')).json(), { live: true });
    assert.deepEqual(await (await runtime.get('/v2/health/ready')).json(), { ready: true });
    assert.deepEqual(await (await runtime.get('/v2/models/colour/ready')).json(), { name: 'colour', ready: true });
  });

  it('says what the model takes and gives, by name and by version', async () => {
    for (const path of ['/v2/models/colour', '/v2/models/colour/versions/7']) {
      assert.deepEqual(await (await runtime.get(path)).json(), {
        name: 'colour',
        versions: ['7'],
        platform: 'onnxruntime_onnx',
        inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 3, 32, 32] }],
        outputs: [
          { name: 'logits', datatype: 'FP32', shape: [-1, 3] },
          { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
          { name: 'label', datatype: 'BYTES', shape: [-1] },
        ],
      });
    }
  });

  it('answers a batch of tensors in JSON, flat or nested', async () => {
    const flat = [...tensor(red, blue)];
    const rows = (values: number[]): number[][] =>
      Array.from({ length: values.length / 32 }, (_, index) => values.slice(index * 32, (index + 1) * 32));
    for (const data of [flat, rows(flat)]) {
      const inputs = [{ name: 'image', datatype: 'FP32', shape: [2, 3, 32, 32], data }];
      const answer = await infer({ id: 'a1', inputs }, '/v2/models/colour/versions/7/infer');
      const { model_name, model_version, id, outputs } = await body<Answer>(answer);
      assert.deepEqual([model_name, model_version, id], ['colour', '7', 'a1']);
      assert.deepEqual(
        outputs.map(({ name, datatype, shape }) => [name, datatype, shape]),
        [
          ['logits', 'FP32', [2, 3]],
          ['probabilities', 'FP32', [2, 3]],
          ['label', 'BYTES', [2]],
        ],
      );
      assert.deepEqual(outputs[0]?.data, [10, 0, 0, 0, 0, 10]);
      assert.deepEqual(outputs[2]?.data, ['red', 'blue']);
    }
  });

  it('answers binary tensors, whatever the content type, with binary ones where they are wanted', async () => {
    const values = tensor(blue);
    const bytes = new Uint8Array(values.buffer);
    const inputs = [
      { name: 'image', datatype: 'FP32', shape: [1, 3, 32, 32], parameters: { binary_data_size: bytes.length } },
    ];
    for (const type of ['application/octet-stream', 'application/json']) {
      const wanted = [{ name: 'logits', parameters: { binary_data: true } }, { name: 'label' }];
      const mixed = await readBinary(await inferBinary({ inputs, outputs: wanted }, bytes, type));
      assert.deepEqual(
        mixed.json.outputs.map(({ name, data }) => [name, data]),
        [
          ['logits', undefined],
          ['label', ['blue']],
        ],
      );
      assert.deepEqual([mixed.bytes[0]?.readFloatLE(0), mixed.bytes[0]?.readFloatLE(8)], [0, 10]);
    }
    const all = await readBinary(await inferBinary({ inputs, parameters: { binary_data_output: true } }, bytes));
    assert.equal(all.json.outputs.length, 3);
    assert.deepEqual(all.bytes[2], Buffer.from('\x04\0\0\0blue'));
    const none = await inferBinary({ inputs, outputs: [{ name: 'label' }] }, bytes);
    assert.equal(none.headers.get('inference-header-content-length'), null);
    assert.deepEqual((await body<Answer>(none)).outputs[0]?.data, ['blue']);
  });

  it("takes requests without a content type, as Triton's client sends them", async () => {
    const values = tensor(blue);
    const input = { name: 'image', datatype: 'FP32', shape: [1, 3, 32, 32] };
    const binary = Buffer.from(JSON.stringify({ inputs: [{ ...input, parameters: { binary_data_size: 12_288 } }] }));
    const json = Buffer.from(JSON.stringify({ inputs: [{ ...input, data: [...values] }] }));
    for (const [body, headers] of [
      [Buffer.concat([binary, Buffer.from(values.buffer)]), { 'inference-header-content-length': binary.length }],
      [json, {}],
    ] as const) {
      const call = request(`${runtime.url}/v2/models/colour/infer`, { method: 'POST', headers }).end(body);
      const [answer] = (await once(call, 'response')) as [IncomingMessage];
      assert.equal(answer.statusCode, 200);
      assert.match(await text(answer), /"data":\["blue"\]/);
    }
  });

  it('takes encoded images as BYTES, base64 in JSON or as they are in binary', async () => {
    const pictures = [await plain('green', 'jpeg'), await plain('red')];
    const outputs = [{ name: 'label' }];
    const input = { name: 'image', datatype: 'BYTES', shape: [2] };
    const json = await infer({ inputs: [{ ...input, data: pictures.map(one => one.toString('base64')) }], outputs });
    assert.deepEqual((await body<Answer>(json)).outputs[0]?.data, ['green', 'red']);
    const bytes = Buffer.concat(
      pictures.flatMap(one => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(one.length);
        return [length, one];
      }),
    );
    const inputs = [{ ...input, shape: [2, 1], parameters: { binary_data_size: bytes.length } }];
    const binary = await inferBinary({ inputs, outputs }, bytes);
    assert.deepEqual((await body<Answer>(binary)).outputs[0]?.data, ['green', 'red']);
  });

  it('counts every image of a batch among the places of the server', async () => {
    const inputs = [{ name: 'image', datatype: 'BYTES', shape: [5], data: Array(5).fill('YWJj') }];
    const answer = await infer({ inputs });
    assert.equal(answer.status, 413);
    assert.match((await body<{ error: string }>(answer)).error, /at most 4/);
  });

  describe('refuses, with an error that is a text,', () => {
    const good = { name: 'image', datatype: 'FP32', shape: [1, 3, 32, 32], data: [...tensor(red)] };
    for (const [what, request, status, message] of [
      ['another model', undefined, 404, /no model 'other' here; there is colour/],
      ['no inputs', { inputs: [] }, 400, /one tensor/],
      ['two inputs', { inputs: [good, good] }, 400, /one tensor/],
      ['another input', { inputs: [{ ...good, name: 'x' }] }, 400, /called 'image', not 'x'/],
      ['another type', { inputs: [{ ...good, datatype: 'INT64' }] }, 400, /takes FP32 tensors.*not 'INT64'/],
      [
        'another shape',
        { inputs: [{ ...good, shape: [1, 3, 32, 31] }] },
        400,
        /\[N, 3, 32, 32\], not \[1, 3, 32, 31\]/,
      ],
      ['no shape', { inputs: [{ ...good, shape: ['1'] }] }, 400, /'shape' must be/],
      ['too few values', { inputs: [{ ...good, data: [1] }] }, 400, /takes 3072 values, not 1/],
      ['values that are none', { inputs: [{ ...good, data: Array(3072).fill('1') }] }, 400, /numbers only/],
      [
        'an output that is not there',
        { inputs: [good], outputs: [{ name: 'x' }] },
        400,
        /no output 'x'; there is logits/,
      ],
      ['no base64', { inputs: [{ ...good, datatype: 'BYTES', shape: [1], data: ['%'] }] }, 400, /not base64/],
      ['a number beyond all bounds', { inputs: [{ ...good, data: Array(3072).fill(1e300) }] }, 400, /no number/],
      ['no image', { inputs: [{ ...good, datatype: 'BYTES', shape: [1], data: ['YWJj'] }] }, 400, /not a JPEG/],
      ['binary data without its header', { inputs: [{ ...good, parameters: { binary_data_size: 4 } }] }, 400, /header/],
    ] as const) {
      it(what, async () => {
        const answer = request ? await infer(request) : await infer({ inputs: [good] }, '/v2/models/other/infer');
        const refusal = await body<{ error: string; code: string; requestId: string }>(answer);
        assert.equal(answer.status, status, JSON.stringify(refusal));
        assert.match(refusal.error, message);
        assert.equal(refusal.requestId, answer.headers.get('x-request-id'));
      });
    }

    for (const [what, size, header, message] of [
      ['a tensor that is cut off', 12_288, undefined, /binary_data_size is 12288, but 12000 bytes/],
      ['bytes that nothing names', undefined, undefined, /no binary_data_size/],
      ['a size that does not fit the shape', 12_000, undefined, /takes 12288 bytes, not 12000/],
      ['a header beyond the body', 12_000, '99999999', /up to the \d+ bytes/],
      ['a header that is no number', 12_000, 'x', /is 'x'/],
      ['a header in the middle of the JSON', 12_000, '10', /first 10 bytes of the body are not JSON/],
    ] as const) {
      it(what, async () => {
        const parameters = size === undefined ? {} : { parameters: { binary_data_size: size } };
        const json = Buffer.from(
          JSON.stringify({ inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 3, 32, 32], ...parameters }] }),
        );
        const answer = await fetch(`${runtime.url}/v2/models/colour/infer`, {
          method: 'POST',
          headers: {
            'content-type': 'application/octet-stream',
            'inference-header-content-length': header ?? String(json.length),
          },
          body: new Uint8Array(Buffer.concat([json, Buffer.alloc(12_000)])),
        });
        const { error } = await body<{ error: string }>(answer);
        assert.equal(answer.status, 400, error);
        assert.match(error, message);
      });
    }

    it('another version', async () => {
      const answer = await infer({ inputs: [good] }, '/v2/models/colour/versions/8/infer');
      assert.equal(answer.status, 404);
      assert.match((await body<{ error: string }>(answer)).error, /no version '8' of colour here; there is 7/);
    });

    it('another method', async () => {
      const answer = await runtime.get('/v2/models/colour/infer');
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.get('allow'), 'POST');
    });
  });
});
