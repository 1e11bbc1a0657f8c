import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(__dirname, '../../scoring-runtime');

describe('the container file', () => {
  const text = readFileSync(join(folder, 'Dockerfile'), 'utf8').replace(/\\\n/g, ' ');
  const lines = text.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#'));
  const instructions = lines.map(line => /^(\w+)\s+(.*)$/.exec(line.trim())?.slice(1) ?? [line]);
  const all = (name: string) => instructions.filter(([word]) => word === name).map(([, rest = '']) => rest);

  it('pins its base by one argument', () => {
    assert.match(all('ARG')[0] ?? '', /^NODE_IMAGE=node:24-slim/);
    for (const from of all('FROM')) assert.match(from, /^\$\{NODE_IMAGE\}/);
  });

  it('runs without privileges, says its port and how to ask for its health', () => {
    assert.deepEqual(all('USER'), ['node']);
    assert.deepEqual(all('EXPOSE'), ['5001']);
    assert.match(all('HEALTHCHECK')[0] ?? '', /\/live/);
    assert.deepEqual(JSON.parse(all('CMD')[0] ?? ''), ['node', 'dist/server.js']);
  });

  it('copies only what its folder has and what a stage made', () => {
    const sources = all('COPY')
      .filter(line => !line.startsWith('--from='))
      .flatMap(line => line.split(/\s+/).slice(0, -1));
    assert.ok(sources.length > 0);
    for (const source of sources) assert.ok(existsSync(join(folder, source)), source);
  });

  it('installs in production only what is not in the bundle', () => {
    const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    assert.deepEqual(Object.keys(dependencies), ['koffi', 'onnxruntime-node', 'sharp']);
  });
});
