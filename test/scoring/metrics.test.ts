import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { plain } from './support/pictures';
import { modelFolder, Runtime } from './support/runtime';

describe('/metrics', () => {
  let runtime: Runtime;
  before(async () => (runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_MODEL_VERSION: '2' })));
  after(() => runtime.stop());

  async function metrics(): Promise<string> {
    const answer = await runtime.get('/metrics');
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    return answer.text();
  }

  it('counts requests by status, images by label, and times each step', async () => {
    const picture = await plain('red');
    const image = picture.toString('base64');
    assert.equal((await runtime.score(picture, 'image/png')).status, 200);
    assert.equal((await runtime.score({ images: [image, image] })).status, 200);
    assert.equal((await runtime.score(Buffer.from('x'), 'image/png')).status, 400);
    const text = await metrics();
    for (const line of [
      'guardian_scoring_requests_total{model="colour:2",route="/score",status="200"} 2',
      'guardian_scoring_requests_total{model="colour:2",route="/score",status="400"} 1',
      'guardian_scoring_images_total{model="colour:2",label="red"} 3',
      'guardian_scoring_request_duration_seconds_count{model="colour:2",route="/score"} 3',
      'guardian_scoring_decode_duration_seconds_count{model="colour:2"} 3',
      'guardian_scoring_resize_duration_seconds_count{model="colour:2"} 3',
      'guardian_scoring_queue_duration_seconds_count{model="colour:2"} 3',
      'guardian_scoring_batch_images_sum{model="colour:2"} 3',
      'guardian_scoring_ready 1',
      'guardian_scoring_queued_images{model="colour:2"} 0',
      'guardian_scoring_images_in_progress 0',
    ])
      assert.ok(text.split('\n').includes(line), `${line}\n\n${text}`);
    assert.match(text, /^guardian_scoring_inference_duration_seconds_count\{model="colour:2"\} [123]$/m);
    assert.match(text, /^guardian_scoring_model_info\{model="colour",version="2",digest="[0-9a-f]{64}"\} 1$/m);
    assert.match(text, /^process_resident_memory_bytes \d+/m);
  });

  it('has the names of its own that README.md explains, and their kinds', async () => {
    const readme = readFileSync(resolve(__dirname, '../../scoring-runtime/README.md'), 'utf8');
    const there = [...(await metrics()).matchAll(/^# TYPE (guardian_\w+) (\w+)/gm)].map(([, name, type]) => [
      name,
      type,
    ]);
    const explained = [...readme.matchAll(/^\| `(guardian_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => [name, type]);
    assert.ok(there.length > 10);
    assert.deepEqual(there.sort(), explained.sort());
  });
});
