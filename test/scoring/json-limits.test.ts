import assert from 'node:assert/strict';
import { requireModestJson } from '../../scoring-runtime/src/http/json-limits';

const check = (text: string) => () => requireModestJson(Buffer.from(text));

describe('what JSON may look like before it is parsed', () => {
  it('is anything that a request has, and brackets and quotes within strings do not count', () => {
    for (const text of [
      JSON.stringify({ inputs: [[[[0.5, 1]]]] }),
      JSON.stringify({ image: `${'['.repeat(100)}"\\\\"[[`, '\\"': ['\\'] }),
      JSON.stringify(Array.from({ length: 999_999 }, () => [])),
      '"never ends',
      '',
    ])
      assert.doesNotThrow(check(text), text.slice(0, 100));
  });

  it('is not sixteen levels, nor a million lists', () => {
    assert.doesNotThrow(check('['.repeat(16)));
    assert.throws(check('['.repeat(17)), /more than 16 levels/);
    assert.throws(check(`{"a\\"":${'{"b":'.repeat(16)}`), /more than 16 levels/);
    assert.throws(check(`[${'{},'.repeat(1_000_000)}`), /more than 1000000 lists and objects/);
  });
});
