/**
 * Bodies that were tampered with: no crash, no hang, no growth. By itself a small sample that is the same at each run;
 * `GUARDIAN_FUZZ_CASES=10000 npx mocha --exit test/scoring/fuzz.test.ts` sends as many, by another seed each time.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { mutate, randomNumbers } from './support/mutations';
import { residentMegabytes } from './support/process-memory';
import { imageFile, modelFolder, Runtime } from './support/runtime';

const wanted = process.env['GUARDIAN_FUZZ_CASES'];
const cases = Number(wanted ?? 400);
const seed = wanted === undefined ? 1 : Date.now() % 1_000_000;

interface Sample {
  readonly path: string;
  readonly type: string;
  readonly headers?: Record<string, string>;
  readonly body: Buffer;
}

async function samples(): Promise<Sample[]> {
  const photograph = sharp(imageFile('cat-small.png'));
  const small = readFileSync(imageFile('cat-small.png'));
  const encoded = await Promise.all([
    photograph.clone().jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
    photograph.clone().toColourspace('cmyk').jpeg().toBuffer(),
    photograph.clone().toColourspace('rgb16').png().toBuffer(),
    photograph.clone().png({ palette: true }).toBuffer(),
    photograph.clone().webp().toBuffer(),
    photograph.clone().webp({ lossless: true }).toBuffer(),
    photograph.clone().gif().toBuffer(),
    photograph.clone().avif({ effort: 0 }).toBuffer(),
  ]);
  const images = [readFileSync(imageFile('rocket.jpg')), small, ...encoded];
  const base64 = small.toString('base64');
  const form = `--x\r\ncontent-disposition: form-data; name="a"; filename="a"\r\n\r\n${base64}\r\n--x--\r\n`;
  const input = { name: 'image', datatype: 'FP32', shape: [1, 3, 32, 32] };
  const json = (path: string, value: object): Sample => ({
    path,
    type: 'application/json',
    body: Buffer.from(JSON.stringify(value)),
  });
  const header = Buffer.from(JSON.stringify({ inputs: [{ ...input, parameters: { binary_data_size: 12_288 } }] }));
  return [
    ...images.map(body => ({ path: '/score', type: 'application/octet-stream', body })),
    { path: '/score', type: 'multipart/form-data; boundary=x', body: Buffer.from(form) },
    json('/score', { images: [base64, base64] }),
    json('/v2/models/colour/infer', { id: '1', inputs: [{ ...input, data: Array(3072).fill(0.5) }] }),
    json('/v2/models/colour/infer', { inputs: [{ ...input, datatype: 'BYTES', shape: [1], data: [base64] }] }),
    json('/invocations', { dataframe_split: { columns: ['image'], data: [[base64]] } }),
    {
      path: '/v2/models/colour/infer',
      type: 'application/octet-stream',
      headers: { 'inference-header-content-length': String(header.length) },
      body: Buffer.concat([header, Buffer.alloc(12_288)]),
    },
  ];
}

describe(`${cases} bodies that were tampered with (seed ${seed})`, function () {
  this.timeout(cases * 500);
  let runtime: Runtime;
  before(async () => {
    runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_ANSWER_TIMEOUT_MS: '10000' });
  });
  after(() => runtime.stop());

  it('are each answered, the server stays as it was, and its memory stays flat', async () => {
    const all = await samples();
    const random = randomNumbers(seed);
    const statuses = new Map<number, number>();
    let next = 0;
    const send = async (count: number): Promise<void> => {
      const sender = async (): Promise<void> => {
        while (next < count) {
          const sample = all[next++ % all.length];
          const other = all[Math.floor(random() * all.length)];
          assert.ok(sample && other);
          const body = mutate(sample.body, other.body, random);
          const answer = await fetch(runtime.url + sample.path, {
            method: 'POST',
            headers: { 'content-type': sample.type, ...sample.headers },
            body: new Uint8Array(body),
          });
          const text = await answer.text();
          // Whatever was sent, it is the sender's fault or it is answered; 500 would be ours.
          assert.ok([200, 400, 413, 415, 429].includes(answer.status), `${sample.path} ${answer.status} ${text}`);
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: 4 }, sender));
    };
    // The first ones fill caches and pools.
    await send(Math.ceil(cases / 4));
    const before = residentMegabytes(runtime.pid);
    await send(cases);
    const growth = residentMegabytes(runtime.pid) - before;
    assert.ok(growth < 100, `grew by ${growth} MB`);
    assert.ok((statuses.get(400) ?? 0) > cases / 4, JSON.stringify([...statuses]));

    const good = await runtime.score(readFileSync(imageFile('cat.jpg')), 'image/jpeg');
    assert.equal(good.status, 200);
    assert.match(await (await runtime.get('/metrics')).text(), /^guardian_scoring_images_in_progress 0$/m);
    assert.deepEqual(
      runtime.log.filter(({ level }) => Number(level) >= 40),
      [],
    );
    if (wanted !== undefined) console.log(`      ${JSON.stringify([...statuses])}, memory ${growth} MB more`);
  });
});
