import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { runToEnd } from './support/runtime';
import { readConfig } from '../../scoring-runtime/src/config';

describe('settings', () => {
  it('that are wrong stop the start, all listed at once', () => {
    const { status, stderr } = runToEnd({
      PORT: 'eighty',
      GUARDIAN_MAX_BATCH_SIZE: '0',
      GUARDIAN_MODEL_DIGEST: 'abc',
      LOG_LEVEL: 'loud',
    });
    assert.equal(status, 1);
    for (const expected of [
      /AZUREML_MODEL_DIR is not set/,
      /PORT must be a whole number from 0 to 65535, but is 'eighty'/,
      /GUARDIAN_MAX_BATCH_SIZE must be a whole number from 1 to 1024, but is '0'/,
      /GUARDIAN_MODEL_DIGEST must be a SHA-256/,
      /LOG_LEVEL must be one of .*info/,
    ])
      assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

  it('have defaults that fit Azure ML', () => {
    const config = readConfig({ AZUREML_MODEL_DIR: '/models' });
    assert.equal(config.port, 5001);
    assert.equal(config.host, '0.0.0.0');
    assert.ok(config.inferenceThreads >= 1);
    assert.ok(Object.isFrozen(config));
  });

  it('are all explained in README.md, which knows no others', () => {
    const folder = resolve(__dirname, '../../scoring-runtime');
    const readme = readFileSync(resolve(folder, 'README.md'), 'utf8');
    const source = ['src/config.ts', 'src/observe/tracing-config.ts']
      .map(file => readFileSync(resolve(folder, file), 'utf8'))
      .join('\n');
    const names = new Set([...source.matchAll(/\b(?:text|integer|share)\(\s*'([A-Z_]+)'/g)].map(([, name]) => name));
    assert.ok(names.size > 25);
    const rows = readme.slice(readme.indexOf('## Settings'), readme.indexOf('## Metrics')).match(/^\| `.*?\|/gm) ?? [];
    const explained = rows.flatMap(row => [...row.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name));
    assert.deepEqual(explained.sort(), [...names].sort());
  });
});
