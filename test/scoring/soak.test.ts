/**
 * Twice as much as the server can take, for a while: what is refused is refused early, what is accepted is answered, and
 * memory stays flat. `GUARDIAN_SOAK_SECONDS=600 npx mocha --exit test/scoring/soak.test.ts` takes its time.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { residentMegabytes } from './support/process-memory';
import { imageFile, modelFolder, Runtime } from './support/runtime';

const wanted = process.env['GUARDIAN_SOAK_SECONDS'];
const seconds = Number(wanted ?? 4);
const places = 8;

describe(`${seconds} seconds at twice the capacity`, function () {
  this.timeout(seconds * 1000 + 60_000);

  it('cost no accepted request, and no memory', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'), {
      GUARDIAN_MAX_QUEUED_IMAGES: String(places),
    });
    try {
      const photograph = readFileSync(imageFile('cat.jpg'));
      const statuses = new Map<number, number>();
      const sizes: number[] = [];
      const end = Date.now() + seconds * 1000;
      const client = async (): Promise<void> => {
        while (Date.now() < end) {
          const answer = await runtime.score(photograph, 'image/jpeg');
          const text = await answer.text();
          if (answer.status === 200) assert.match(text, /"label":"red"/);
          else assert.ok(answer.headers.get('retry-after'), text);
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        }
      };
      const watch = setInterval(() => sizes.push(residentMegabytes(runtime.pid)), Math.max(250, seconds * 20));
      await Promise.all(Array.from({ length: places * 2 }, client)).finally(() => clearInterval(watch));

      assert.deepEqual([...statuses.keys()].sort(), [200, 429]);
      assert.ok((statuses.get(200) ?? 0) > seconds, JSON.stringify([...statuses]));
      const half = Math.ceil(sizes.length / 2);
      const growth = Math.max(...sizes.slice(half)) - Math.max(...sizes.slice(0, half));
      assert.ok(growth < 60, `memory: ${sizes.join(', ')} MB`);
      assert.match(await (await runtime.get('/metrics')).text(), /^guardian_scoring_images_in_progress 0$/m);
      if (wanted !== undefined) console.log(`      ${JSON.stringify([...statuses])}, memory ${sizes.join(', ')} MB`);
    } finally {
      await runtime.stop();
    }
  });
});
