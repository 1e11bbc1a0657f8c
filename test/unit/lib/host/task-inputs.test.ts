import assert from 'node:assert/strict';
import { assetName, endpointName, TaskInputs } from '../../../../lib/host/task-inputs';
import { TaskError } from '../../../../lib/task-error';
import { FakeHost } from '../../../support/fake-host';

const reading = (inputs: Record<string, string>): TaskInputs => new TaskInputs(new FakeHost({ inputs }));

describe('task inputs', () => {
  it('lists every problem in one error', () => {
    const inputs = reading({ strategy: 'bluegreen', whatIf: 'maybe', count: '1.5', tags: 'a=1\nno equals sign' });
    inputs.required('resourceGroup');
    inputs.choice('strategy', ['allAtOnce', 'challenger'], 'allAtOnce');
    inputs.boolean('whatIf', false);
    inputs.integer('count', { min: 1, max: 10 });
    inputs.pairs('tags');
    assert.throws(
      () => inputs.finish(),
      (error: unknown) => {
        assert.ok(error instanceof TaskError);
        assert.equal(error.errorCode, 'GuardianInput');
        assert.match(error.message, /^5 inputs need attention:/);
        assert.match(error.message, /resourceGroup is required/);
        assert.match(error.message, /strategy is "bluegreen", but must be one of allAtOnce, challenger/);
        assert.match(error.message, /whatIf is "maybe", but must be true or false/);
        assert.match(error.message, /count is "1.5", but must be a whole number from 1 to 10/);
        assert.match(error.message, /tags has the line "no equals sign"/);
        return true;
      },
    );
  });

  it('says nothing when all is well', () => {
    const inputs = reading({ name: ' x ', wait: 'TRUE', n: '3' });
    assert.equal(inputs.required('name'), 'x');
    assert.equal(inputs.boolean('wait', false), true);
    assert.equal(inputs.integer('n', { min: 1, max: 3 }), 3);
    assert.equal(inputs.integer('none', { min: 1, max: 3 }), undefined);
    inputs.finish();
  });

  it('reads name=value lines: comments, blank lines, equals signs in values, names that objects have', () => {
    const inputs = reading({ vars: '# a comment\n\nA=b=c\nconstructor = x \nEMPTY=' });
    assert.deepEqual(inputs.pairs('vars'), { A: 'b=c', constructor: 'x', EMPTY: '' });
    inputs.finish();
  });

  it('refuses a name that stands twice', () => {
    const inputs = reading({ vars: 'A=1\nA=2' });
    inputs.pairs('vars');
    assert.throws(() => inputs.finish(), /vars names "A" twice/);
  });

  it('recognises a variable that the pipeline did not expand', () => {
    const inputs = reading({ jobName: '$(train.jobName)' });
    inputs.required('jobName');
    assert.throws(() => inputs.finish(), /the pipeline has no variable train.jobName/);
  });

  it('says which connection is not there', () => {
    const inputs = reading({ azureSubscription: 'c-1' });
    inputs.requiredConnection('azureSubscription');
    assert.throws(() => inputs.finish(), /azureSubscription The service connection c-1/);
  });

  for (const [rule, good, bad] of [
    [endpointName, ['nsfw-detector-endpoint', 'abc'], ['ab', '1abc', 'a--b', 'abc-', 'a'.repeat(33)]],
    [assetName, ['nsfw-detector', 'a', 'A_1.2'], ['-a', 'a b', 'a/b']],
  ] as const) {
    it(`knows names that are ${rule.says}`, () => {
      for (const name of good) assert.match(name, rule.pattern);
      for (const name of bad) assert.doesNotMatch(name, rule.pattern);
    });
  }
});
