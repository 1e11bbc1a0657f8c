import assert from 'node:assert/strict';
import {
  changesOf,
  diffLine,
  entryProblems,
  isSecret,
  ownedKeys,
  sizeProblem,
} from '../../../../lib/kubernetes/config-change';

describe('a change of a ConfigMap or Secret', () => {
  const data = new Map([
    ['SAME', 'x'],
    ['URI', 'https://old'],
    ['OURS', 'unlisted'],
    ['THEIRS', 'other'],
  ]);
  const entries = [
    { key: 'SAME', value: 'x', secret: false },
    { key: 'URI', value: 'https://new', secret: false },
    { key: 'KEY', value: 's3cret', secret: true },
  ];

  it('writes what differs, removes what was ours, leaves the rest', () => {
    const lines = changesOf(entries, data, ['SAME', 'OURS', 'GONE'], 'ConfigMap').map(diffLine);
    assert.deepEqual(lines, ['+ KEY: ***', '- OURS: unlisted', '~ URI: https://old -> https://new']);
  });

  it('shows nothing of a Secret, not even of a removed key', () => {
    const lines = changesOf([], new Map([['OLD', 's3cret']]), ['OLD'], 'Secret').map(diffLine);
    assert.deepEqual(lines, ['- OLD: ***']);
  });

  it('keeps a value on one line and cuts a long one', () => {
    const [line] = changesOf(
      [{ key: 'K', value: `a\n${'b'.repeat(300)}`, secret: false }],
      new Map(),
      [],
      'ConfigMap',
    ).map(diffLine);
    assert.match(line ?? '', /^\+ K: a\\nb+… \(303 characters\)$/);
  });

  it('knows our keys by field manager and operation', () => {
    const fieldsV1 = { 'f:data': { '.': {}, 'f:B': {}, 'f:A': {} }, 'f:metadata': {} };
    const keys = ownedKeys([
      { manager: 'guardian-mlops', operation: 'Apply', fieldsV1 },
      { manager: 'guardian-mlops', operation: 'Update', fieldsV1: { 'f:data': { 'f:C': {} } } },
      { manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:data': { 'f:D': {} } } },
    ]);
    assert.deepEqual(keys, ['A', 'B']);
    assert.deepEqual(ownedKeys(undefined), []);
  });

  it('names every key that Kubernetes would refuse', () => {
    assert.deepEqual(entryProblems(entries), []);
    const problems = entryProblems([{ key: 'a b/c' }, { key: 'x'.repeat(254) }, { key: '..data' }]);
    assert.equal(problems.length, 3);
    assert.match(problems.join('\n'), /key "a b\/c"[^]*254 characters[^]*key "\.\.data"/);
  });

  it('says how much is too much, in bytes, and what the most of it is', () => {
    const content = (bytes: number) => {
      const values = new Map([
        ['small', 'x'],
        ['big', 'é'.repeat((bytes - 1) / 2)],
      ]);
      return { kind: 'ConfigMap', name: 'app', data: values } as const;
    };
    assert.equal(sizeProblem(content(1048575)), undefined);
    assert.match(sizeProblem(content(1048577)) ?? '', /would hold 1048577 bytes.*largest: big with 1048576/);
  });

  it('does not show what its key calls a secret', () => {
    const hidden = ['API_KEY', 'apikey', 'db.password', 'SAS', 'AUTH-TOKEN', 'STORAGE_CONNECTION_STRING'];
    assert.deepEqual(
      hidden.filter(key => !isSecret(key, 'ConfigMap')),
      [],
    );
    const open = ['NSFW_MODEL_ENDPOINT', 'MONKEY', 'KEYBOARD', 'TOKENIZER', 'LOG_LEVEL'];
    assert.deepEqual(
      open.filter(key => isSecret(key, 'ConfigMap')),
      [],
    );
    assert.ok(isSecret('LOG_LEVEL', 'Secret'));
  });
});
