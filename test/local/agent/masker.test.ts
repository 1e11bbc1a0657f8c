import assert from 'node:assert/strict';
import { Masker } from '../../../local/agent/masker';

const masking = (...values: string[]): Masker => {
  const masker = new Masker();
  values.forEach(value => masker.add(value));
  return masker;
};

describe('the masker', () => {
  it('replaces every occurrence, and overlapping or touching ones by one', () => {
    assert.equal(masking('secret').mask('a secret, a secret.'), 'a ***, a ***.');
    assert.equal(masking('abcd', 'cdef').mask('x abcdef y'), 'x *** y');
    assert.equal(masking('one', 'two').mask('onetwo'), '***');
    assert.equal(masking('aa').mask('aaa b'), '*** b');
  });

  it('takes secrets literally', () => {
    assert.equal(masking('a.c$&').mask('abc a.c$& x'), 'abc *** x');
  });

  it('knows a secret inside JSON and in a URL', () => {
    const masker = masking('p"w d/1');
    assert.equal(masker.mask(JSON.stringify({ key: 'p"w d/1' })), '{"key":"***"}');
    assert.equal(masker.mask(`https://x/?k=${encodeURIComponent('p"w d/1')}`), 'https://x/?k=***');
  });

  it('masks base64 of variables, not of other secrets', () => {
    const base64 = Buffer.from('variable-secret').toString('base64');
    const masker = new Masker();
    masker.add('variable-secret');
    assert.equal(masker.mask(base64), base64);
    masker.addVariable('variable-secret');
    assert.equal(masker.mask(`x ${base64}`), 'x ***');
  });

  it('masks a variable without its quotes and blanks, and as a command carries it', () => {
    const masker = new Masker();
    masker.addVariable('"quoted-one"');
    masker.addVariable(' padded-one\n');
    masker.addVariable('line-1\nline-2');
    assert.equal(masker.mask('quoted-one padded-one line-1%0Aline-2'), '*** *** ***');
  });

  it('masks the password of any URL', () => {
    assert.equal(new Masker().mask('git clone https://me:pass123@host/x'), 'git clone https://me:***@host/x');
    assert.equal(new Masker().mask('http://127.0.0.1:80/a@b'), 'http://127.0.0.1:80/a@b');
  });

  it('leaves text alone when there is nothing to hide', () => {
    assert.equal(masking('').mask('text'), 'text');
  });
});
