import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, stage } from '../../scripts/product';

/** The commands of the page's `sh` blocks; what is marked `console` installs. */
const blocks = [...readFileSync(join(root, 'docs/quick-start.md'), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
  ([, commands = '']) => commands,
);

describe('docs/quick-start.md', function () {
  // The first run on a machine installs PyTorch.
  this.timeout(15 * 60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-quick-start-'));
    mkdirSync(join(folder, 'bin'));
    symlinkSync(join(stage, 'cli/guardian.js'), join(folder, 'bin/guardian'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const shell = (commands: string, cwd: string): Promise<{ code: number; output: string }> =>
    new Promise(resolve => {
      const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}` };
      execFile('bash', ['-ec', commands], { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output: stdout + stderr });
      });
    });

  it('leads from an empty folder to a gate that fails, and to the report that says why', async () => {
    assert.equal(blocks.length, 4);
    const [make = '', train = '', raise = '', report = ''] = blocks;
    const made = await shell(make, folder);
    assert.equal(made.code, 0, made.output);
    const project = join(folder, 'my-models');

    const trained = await shell(train, project);
    assert.equal(trained.code, 0, trained.output);
    assert.match(trained.output, /^Gate "test_accuracy >= 0\.8": pass/m);
    assert.match(trained.output, /^Registered nsfw-detector:1\.$/m);

    const refused = await shell(raise, project);
    assert.equal(refused.code, 1, refused.output);
    assert.match(refused.output, /The model 'nsfw-detector' is not registered, because it does not meet metricGates/);

    const { output } = await shell(report, project);
    assert.match(output, /^Not registered: the gates do not let it through/m);
    assert.match(output, /0\.99 \| fail \| .*off by/);
  });
});
