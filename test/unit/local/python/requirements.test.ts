import assert from 'node:assert/strict';
import { parseRequirements } from '../../../../local/python/requirements';

describe('pip requirements', () => {
  it('are split into torch, the rest and what is not needed on this machine', () => {
    const parsed = parseRequirements([
      'torch>=1.13',
      'Torchvision',
      'mlflow-skinny>=2.14,<4  # tracking',
      '',
      '# note',
      'azureml-mlflow>=1.57',
    ]);
    assert.deepEqual(
      [parsed.torch, parsed.others, parsed.skipped].map(part => part.map(item => item.name)),
      [['torch', 'torchvision'], ['mlflow-skinny'], ['azureml-mlflow']],
    );
    assert.equal(parsed.others[0]?.line, 'mlflow-skinny>=2.14,<4');
  });

  it('that are pip options are refused by name', () =>
    assert.throws(() => parseRequirements(['--index-url x']), /--index-url x/));
});
