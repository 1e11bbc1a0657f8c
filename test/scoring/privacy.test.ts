import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelFolder, Runtime } from './support/runtime';

describe('usage data that onnxruntime would send to its maker', () => {
  it('is not gathered: no number of this machine is left at home', async () => {
    const home = mkdtempSync(join(tmpdir(), 'guardian-home-'));
    try {
      const runtime = await Runtime.ready(modelFolder('colour'), { HOME: home });
      await runtime.stop();
      assert.deepEqual(readdirSync(home), []);
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});
