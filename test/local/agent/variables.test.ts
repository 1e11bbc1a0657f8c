import assert from 'node:assert/strict';
import { Masker } from '../../../local/agent/masker';
import { expandMacros, Variables } from '../../../local/agent/variables';

const of = (values: Record<string, string>): Variables =>
  new Variables(
    Object.entries(values).map(([name, value]) => ({ name, value })),
    new Masker(),
  );

describe('variables', () => {
  it('have names without regard to case', () => {
    assert.equal(of({ 'Build.Id': '7' }).get('build.ID'), '7');
  });

  it('refer to one another, at any depth', () => {
    const variables = of({ a: '$(b)!', b: '<$(c)>', c: 'x' });
    assert.equal(variables.get('a'), '<x>!');
  });

  it('stay as they are when they refer to each other in a circle, with a warning', () => {
    const variables = of({ a: '$(b)', b: '$(a)', c: '$(c)' });
    assert.equal(variables.get('a'), '$(b)');
    assert.equal(variables.recalculate().length, 3);
  });

  it('make what contains a secret secret as well', () => {
    const masker = new Masker();
    const variables = new Variables(
      [
        { name: 'key', value: 'k-123', isSecret: true },
        { name: 'url', value: 'https://x/?k=$(key)&y=1' },
      ],
      masker,
    );
    assert.equal(variables.isSecret('url'), true);
    assert.equal(masker.mask('https://x/?k=k-123&y=1'), '***');
  });

  it('once secret or read-only, always so', () => {
    const variables = new Variables([{ name: 'a', value: '1', isSecret: true, isReadOnly: true }], new Masker());
    variables.set({ name: 'A', value: '2' });
    assert.deepEqual([variables.get('a'), variables.isSecret('a'), variables.isReadOnly('a')], ['2', true, true]);
  });
});

describe('macros', () => {
  const cases: Record<string, [string, string]> = {
    'a name': ['<$(a)>', '<1>'],
    'an unknown name stays': ['$(nope) $(a)', '$(nope) 1'],
    'a shell command stays': ['$(date +%s) and $(a)', '$(date +%s) and 1'],
    'what is put in is not searched again': ['$(loop)', '$(a)'],
    'an open bracket inside': ['$(x $(a))', '$(x 1)'],
    'an end without a start': [')$(', ')$('],
    'an empty name': ['$()', '$()'],
  };
  for (const [what, [text, expected]] of Object.entries(cases)) {
    it(what, () => {
      const values: Record<string, string> = { a: '1', loop: '$(a)' };
      assert.equal(
        expandMacros(text, name => values[name]),
        expected,
      );
    });
  }
});
