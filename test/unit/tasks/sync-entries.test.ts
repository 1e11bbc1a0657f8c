import assert from 'node:assert/strict';
import { parseEntries } from '../../../tasks/SyncK8sConfigMap/entries';

describe('SyncK8sConfigMap entries', () => {
  it('are values or references to endpoints', () => {
    const { entries, problems } = parseEntries(`
      # where the models answer
      MODE=strict
      EQUATION = a=b
      EMPTY=
      NSFW_MODEL_ENDPOINT = endpoint:nsfw-detector-endpoint#scoringUri
      NSFW_MODEL_ENDPOINT_KEY=endpoint:nsfw-detector-endpoint#primaryKey
    `);
    assert.deepEqual(problems, []);
    assert.deepEqual(entries, [
      { key: 'MODE', value: 'strict' },
      { key: 'EQUATION', value: 'a=b' },
      { key: 'EMPTY', value: '' },
      { key: 'NSFW_MODEL_ENDPOINT', endpoint: 'nsfw-detector-endpoint', field: 'scoringUri' },
      { key: 'NSFW_MODEL_ENDPOINT_KEY', endpoint: 'nsfw-detector-endpoint', field: 'primaryKey' },
    ]);
  });

  it('say every problem with its line', () => {
    const { problems } = parseEntries('A\n=b\nC=endpoint:x\nD=endpoint:x#key\nE=1\nE=2');
    assert.deepEqual(
      problems.map(problem => problem.slice(0, 6)),
      ['line 1', 'line 2', 'line 3', 'line 4', 'line 6'],
    );
    assert.match(problems[3] ?? '', /no field key; there are scoringUri, swaggerUri, primaryKey, secondaryKey/);
  });
});
