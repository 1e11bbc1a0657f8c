import assert from 'node:assert/strict';
import { parseEntries, parseJsonEntries } from '../../../tasks/SyncK8sConfigMap/entries';

const rules = { secret: false, folder: '/sources' };

describe('SyncK8sConfigMap entries', () => {
  it('are values or references to files and endpoints', () => {
    const { entries, problems } = parseEntries(
      `
      # where the models answer
      MODE=strict
      EQUATION = a=b
      EMPTY=
      NSFW_MODEL_ENDPOINT = endpoint:nsfw-detector-endpoint#scoringUri
      NSFW_MODEL_ENDPOINT_KEY=endpoint:nsfw-detector-endpoint#primaryKey
      CA = file:certificates/ca.pem
      ABSOLUTE=file:/etc/ca.pem
    `,
      rules,
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(entries, [
      { key: 'MODE', value: 'strict', secret: false },
      { key: 'EQUATION', value: 'a=b', secret: false },
      { key: 'EMPTY', value: '', secret: false },
      { key: 'NSFW_MODEL_ENDPOINT', endpoint: 'nsfw-detector-endpoint', field: 'scoringUri', secret: false },
      { key: 'NSFW_MODEL_ENDPOINT_KEY', endpoint: 'nsfw-detector-endpoint', field: 'primaryKey', secret: true },
      { key: 'CA', file: '/sources/certificates/ca.pem', secret: false },
      { key: 'ABSOLUTE', file: '/etc/ca.pem', secret: false },
    ]);
  });

  it('say every problem with its line', () => {
    const { problems } = parseEntries('A\n=b\nC=endpoint:x\nD=endpoint:x#key\nE=1\nE=2\nF=$(deploy.uri)', rules);
    assert.deepEqual(
      problems.map(problem => problem.slice(0, 6)),
      ['line 1', 'line 2', 'line 3', 'line 4', 'line 6', 'line 7'],
    );
    assert.match(problems[3] ?? '', /no field key; there are scoringUri, swaggerUri, primaryKey, secondaryKey/);
  });

  it('come from a JSON object as well, secret or not', () => {
    const { entries, problems } = parseJsonEntries('{"A": 1, "B": true, "C": "x", "D": {}}', {
      ...rules,
      secret: true,
    });
    assert.deepEqual(
      entries.map(entry => [entry.key, 'value' in entry && entry.value, entry.secret]),
      [
        ['A', '1', true],
        ['B', 'true', true],
        ['C', 'x', true],
      ],
    );
    assert.deepEqual(problems, ['D must be a text, a number, true or false']);
    assert.match(parseJsonEntries('[1]', rules).problems[0] ?? '', /must be a JSON object/);
  });
});
