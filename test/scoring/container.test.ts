import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pythonWith } from '../support/python-packages';

const folder = resolve(__dirname, '../../scoring-runtime');

describe('the container file', () => {
  const text = readFileSync(join(folder, 'Dockerfile'), 'utf8').replace(/\\\n/g, ' ');
  const lines = text.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#'));
  const instructions = lines.map(line => /^(\w+)\s+(.*)$/.exec(line.trim())?.slice(1) ?? [line]);
  const all = (name: string) => instructions.filter(([word]) => word === name).map(([, rest = '']) => rest);

  it('has nothing that hadolint would have otherwise', async () => {
    const python = await pythonWith(resolve(__dirname, '../fixtures/hadolint.txt'));
    const words = [join(folder, 'Dockerfile')];
    const { status, stdout, stderr } = spawnSync(join(dirname(python), 'hadolint'), words, { encoding: 'utf8' });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  });

  it('pins its base by one argument', () => {
    assert.match(all('ARG')[0] ?? '', /^NODE_IMAGE=node:24-slim/);
    for (const from of all('FROM')) assert.match(from, /^\$\{NODE_IMAGE\}/);
  });

  it('runs without privileges, says its port and how to ask for its health', () => {
    // By number, which is how Kubernetes' runAsNonRoot can tell.
    assert.deepEqual(all('USER'), ['1000:1000']);
    assert.deepEqual(all('EXPOSE'), ['5001']);
    assert.match(all('HEALTHCHECK')[0] ?? '', /\/live/);
    // The exec form, and not the base's entry point: no shell is needed.
    assert.deepEqual(JSON.parse(all('ENTRYPOINT')[0] ?? ''), ['node', 'dist/server.js']);
    assert.deepEqual(all('CMD'), []);
  });

  it('copies only what its folder has and what a stage made', () => {
    const sources = all('COPY')
      .filter(line => !line.startsWith('--from='))
      .flatMap(line => line.split(/\s+/).slice(0, -1));
    assert.ok(sources.length > 0);
    for (const source of sources) assert.ok(existsSync(join(folder, source)), source);
  });

  it('leaves the tools of the build behind: its last stage only copies', () => {
    const last = instructions.slice(instructions.map(([word]) => word).lastIndexOf('FROM'));
    assert.ok(last.length > 3);
    assert.deepEqual(
      last.filter(([word, rest = '']) => word === 'RUN' || (word === 'COPY' && !rest.startsWith('--from=build '))),
      [],
    );
  });

  it('can name everything that is in it: the lock file is enough for its bill of materials', () => {
    assert.ok(all('RUN').some(line => line.includes('npm sbom --sbom-format cyclonedx > dist/')));
    const { status, stdout } = spawnSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0);
    const { components } = JSON.parse(stdout) as { components: { name: string; version: string; purl: string }[] };
    for (const name of ['fastify', 'onnxruntime-node', 'pino', 'prom-client', 'sharp', 'yaml', 'zod'])
      assert.ok(
        components.some(component => component.purl === `pkg:npm/${name}@${component.version}`),
        name,
      );
  });

  it('installs in production only what is not in the bundle', () => {
    const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    assert.deepEqual(Object.keys(dependencies), ['koffi', 'onnxruntime-node', 'sharp']);
  });
});
