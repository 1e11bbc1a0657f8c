import assert from 'node:assert/strict';
import { meets, modulesOf, parseRequirements } from '../../../local/python/requirements';

const torch = (clauses: string): { name: string; line: string } => ({ name: 'torch', line: `torch${clauses}` });

describe('a requirement on PyTorch', () => {
  const cases: [version: string, clauses: string, met: boolean][] = [
    ['1.13.1', '', true],
    ['1.13.1', '>=1.13', true],
    // Debian's 1.13.1 calls itself so.
    ['1.13.0a0+gitunknown', '>=1.13', true],
    ['1.13.0a0+gitunknown', '>=2.0', false],
    ['2.9.0+cpu', '>=1.13,<3', true],
    ['2.10.0', '>=2.9', true],
    ['2.10.0', '<2.9', false],
    ['2.3.1', '==2.3.1', true],
    ['2.3.1', '==2.3', false],
    ['2.3.1', '==2.3.*', true],
    ['2.3.0', '==2.3', true],
    ['2.3.1', '!=2.3.*', false],
    ['2.3.1', '~=2.1', true],
    ['3.0.0', '~=2.1', false],
    ['2.3.1', '~=2.3.0', true],
    ['2.4.0', '~=2.3.0', false],
    ['2.3.1', '[opt-einsum]>=2; python_version > "3.8"', true],
    ['2.3.1', ' @ https://example.com/torch.whl', false],
  ];
  for (const [version, clauses, met] of cases)
    it(`torch${clauses} is ${met ? '' : 'not '}met by ${version}`, () =>
      assert.equal(meets(version, torch(clauses)), met));
});

describe('pip requirement lines', () => {
  it('name modules by which an environment is tried', () => {
    const { torch: family, others } = parseRequirements(['torch', 'mlflow-skinny>=2', 'Pillow', 'ONNX', 'six']);
    assert.deepEqual(modulesOf([...family, ...others]), ['torch', 'mlflow', 'PIL', 'onnx']);
  });

  it('may carry comments and extras, and names in any spelling', () => {
    const { others } = parseRequirements(['Azure_Storage.Blob[aio]>=12  # uploads', '  # nothing']);
    assert.deepEqual(others, [{ name: 'azure-storage-blob', line: 'Azure_Storage.Blob[aio]>=12' }]);
  });

  it('that are options or paths are refused with the line', () => {
    assert.throws(() => parseRequirements(['-r other.txt']), /"-r other\.txt" is not supported/);
    assert.throws(() => parseRequirements(['./wheel.whl']), /"\.\/wheel\.whl" is not a pip requirement/);
  });
});
