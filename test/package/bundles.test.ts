import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpackExtension } from '../../local/demo/unpack-extension';
import { readManifest, readPackageJson, root, stage, taskNames } from '../../scripts/product';
import { agentNodes, nodeBinary } from '../support/node-binary';

function launch(node: string, bundle: string, temp: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [bundle], {
      cwd: temp,
      env: { AGENT_TEMPDIRECTORY: temp },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', code => resolve({ code, output }));
  });
}

describe('the packaged extension', () => {
  let folder: string;
  let tasksDir: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-vsix-'));
    const vsix = readdirSync(stage).find(file => file.endsWith('.vsix'));
    assert.ok(vsix, 'dist/ holds no .vsix');
    ({ tasksDir } = unpackExtension(join(stage, vsix), folder));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('holds the five tasks, stamped with the version of package.json', () => {
    assert.deepEqual(readdirSync(tasksDir).sort(), taskNames);
    for (const name of taskNames) {
      const { Major, Minor, Patch } = readManifest(join(tasksDir, name)).version;
      assert.equal(`${Major}.${Minor}.${Patch}`, readPackageJson().version);
    }
  });

  it('stamps the extension itself, and carries the tab and the pictures that its manifest names', () => {
    const manifest = readFileSync(join(folder, 'extension.vsixmanifest'), 'utf8');
    assert.match(manifest, new RegExp(`<Identity [^>]*Version="${readPackageJson().version}"`));
    assert.deepEqual(readdirSync(join(folder, 'tab')).sort(), ['index.html', 'tab.css', 'tab.js']);
    assert.doesNotMatch(
      readFileSync(join(folder, 'tab/index.html'), 'utf8'),
      /https?:/,
      'nothing comes from elsewhere',
    );
    const { screenshots } = JSON.parse(readFileSync(join(root, 'vss-extension.json'), 'utf8')) as {
      screenshots: { path: string }[];
    };
    for (const { path } of screenshots) assert.ok(existsSync(join(folder, path)), path);
    assert.equal(manifest.match(/Microsoft\.VisualStudio\.Services\.Screenshots/g)?.length, screenshots.length);
  });

  it('carries page, licence, third-party notices and the scoring runtime as a build context', () => {
    assert.match(readFileSync(join(folder, 'overview.md'), 'utf8'), /SubmitTrainingJob/);
    assert.match(readFileSync(join(folder, 'LICENSE.md'), 'utf8'), /MIT License/);
    assert.match(readFileSync(join(folder, 'THIRD_PARTY_NOTICES.md'), 'utf8'), /## azure-pipelines-task-lib/);
    assert.deepEqual(
      readdirSync(join(tasksDir, 'DeployOnlineEndpoint/scoring-runtime'))
        .filter(file => /^(Dockerfile|package-lock\.json|src)$/.test(file))
        .sort(),
      ['Dockerfile', 'package-lock.json', 'src'],
    );
  });

  for (const major of Object.keys(agentNodes).map(Number) as (keyof typeof agentNodes)[]) {
    describe(`under Node.js ${major}`, () => {
      for (const name of taskNames) {
        it(`${name} starts, misses its inputs and says which, once`, async function () {
          this.timeout(180_000);
          const temp = mkdtempSync(join(folder, 'temp-'));
          const { code, output } = await launch(nodeBinary(major), join(tasksDir, name, 'index.js'), temp);
          assert.notEqual(code, 0, output);
          const errors = output
            .split('\n')
            .filter(line => line.startsWith('##vso[task.issue') || line.startsWith('##vso[task.logissue'));
          assert.equal(errors.length, 1, output);
          assert.match(errors[0] ?? '', /resourceGroup|kubernetesServiceConnection/);
          assert.doesNotMatch(
            output.replace(/##vso\[task\.debug\].*/g, ''),
            /\n\s+at .*:\d+:\d+/,
            'a stack trace at info level',
          );
        });
      }
    });
  }
});
