import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGoldenSet } from '../../tasks/DeployOnlineEndpoint/golden-set';
import { plain } from './support/pictures';
import { body, modelFolder, type Prediction, Runtime } from './support/runtime';

describe('data capture', () => {
  let folder: string;
  let runtime: Runtime;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'guardian-capture-'))));
  afterEach(async () => {
    await runtime.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(settings: Record<string, string>): Promise<void> {
    runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_MODEL_VERSION: '2', ...settings });
  }

  /** Everything is written when the server has ended. */
  async function end(): Promise<string> {
    const metrics = await (await runtime.get('/metrics')).text();
    runtime.signal('SIGTERM');
    assert.equal(await runtime.exit(), 0);
    return metrics;
  }

  it('keeps images as they came, in the form of a golden set, and the answers beside them', async () => {
    await start({ GUARDIAN_CAPTURE_DIR: folder, GUARDIAN_CAPTURE_SAMPLE_RATE: '1' });
    const red = await plain('red', 'jpeg');
    const [green, blue] = [await plain('green'), await plain('blue', 'webp')];
    const answer = await runtime.score(red, 'image/jpeg', { 'x-request-id': '../a/b' });
    const prediction = await body<Prediction>(answer);
    await runtime.score({ images: [green, blue].map(one => one.toString('base64')) }, 'application/json');
    assert.equal((await runtime.score(Buffer.from('no image'), 'image/png')).status, 400);
    await end();

    const cases = readGoldenSet(join(folder, 'colour-2'));
    assert.deepEqual(
      cases.map(({ label, body }) => [label, body]),
      [
        ['blue', blue],
        ['green', green],
        ['red', red],
      ],
    );
    const lines = readFileSync(join(folder, 'colour-2/captures.jsonl'), 'utf8').trim().split('\n');
    const records = lines.map(line => JSON.parse(line) as { id: string; file: string; model: string; answer: object });
    assert.equal(records.length, 3);
    const record = records.find(({ file }) => file.startsWith('red/'));
    assert.equal(record?.model, 'colour:2');
    assert.deepEqual(record.answer, prediction);
    assert.equal(record.id, '../a/b');
    assert.ok(cases.some(({ file }) => file === record.file));
    assert.deepEqual(readdirSync(folder), ['colour-2']);
  });

  it('keeps nothing unless it is asked for, and only the share that is asked for', async () => {
    await start({});
    assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
    await end();
    await start({ GUARDIAN_CAPTURE_DIR: folder, GUARDIAN_CAPTURE_SAMPLE_RATE: '0' });
    assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
    await end();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('that cannot write costs no answer, and says so once', async () => {
    // Nothing is forbidden to the superuser, but a folder inside a file can be made by nobody.
    await start({ GUARDIAN_CAPTURE_DIR: join(modelFolder('colour'), 'model.onnx'), GUARDIAN_CAPTURE_SAMPLE_RATE: '1' });
    for (let i = 0; i < 3; i++) assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
    const line = await runtime.line(/cannot write/);
    assert.match(JSON.stringify(line), /ENOTDIR/);
    assert.match(await end(), /^guardian_scoring_captures_total\{result="failed"\} 3$/m);
    assert.equal(runtime.log.filter(({ msg }) => /cannot write/.test(msg)).length, 1);
  });

  it('stops at its limit', async () => {
    await start({
      GUARDIAN_CAPTURE_DIR: folder,
      GUARDIAN_CAPTURE_SAMPLE_RATE: '1',
      GUARDIAN_CAPTURE_MAX_MB: '1',
      GUARDIAN_MAX_QUEUED_IMAGES: '4',
    });
    // Bytes after the end of a PNG are of no interest to anybody.
    const large = Buffer.concat([await plain('red'), Buffer.alloc(600_000)]);
    for (let i = 0; i < 3; i++) assert.equal((await runtime.score(large, 'image/png')).status, 200);
    const metrics = await end();
    assert.match(metrics, /^guardian_scoring_captures_total\{result="dropped"\} 2$/m);
    assert.equal(readGoldenSet(join(folder, 'colour-2')).length, 1);
  });
});
