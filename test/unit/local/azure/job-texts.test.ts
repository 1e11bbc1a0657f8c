import assert from 'node:assert/strict';
import { condaRequirements } from '../../../../local/azure/compute/conda-requirements';
import { isoDurationSeconds } from '../../../../local/azure/compute/iso-duration';
import { fillCommand } from '../../../../local/azure/compute/job-command';

describe('conda file as pip requirements', () => {
  it('takes pip lines as they are and turns conda packages into pins', () => {
    const conda = `
name: train
channels: [conda-forge]
dependencies:
  - python=3.10
  - numpy=1.26
  - conda-forge::pytorch>=2.0
  - pillow
  - pip
  - pip:
      - mlflow-skinny~=2.22
      - onnx==1.16.0`;
    assert.deepEqual(condaRequirements(conda), [
      'numpy==1.26.*',
      'torch>=2.0',
      'pillow',
      'mlflow-skinny~=2.22',
      'onnx==1.16.0',
    ]);
  });

  it('needs nothing when there is no file', () => {
    assert.deepEqual(condaRequirements(''), []);
    assert.deepEqual(condaRequirements('name: empty'), []);
  });

  it('names what it cannot install', () => {
    assert.throws(() => condaRequirements('dependencies: ["mkl=2024=h123_0"]'), /mkl=2024=h123_0/);
    assert.throws(() => condaRequirements('dependencies: [{conda: [x]}]'), /conda/);
  });
});

describe('ISO 8601 durations', () => {
  for (const [text, seconds] of [
    ['PT10S', 10],
    ['PT1H30M', 5400],
    ['P1DT2S', 86402],
    ['PT0.5S', 0.5],
    ['P2D', 172800],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(isoDurationSeconds(text), seconds));
  }
  for (const text of ['', 'P', 'PT', '10S', 'PT10', 'P1M', '1:30']) {
    it(`refuses '${text}'`, () => assert.equal(isoDurationSeconds(text), undefined));
  }
});

describe('placeholders of a command', () => {
  const inputs = { data: '/in/data', epochs: '5' };
  it('are filled, with and without blanks', () => {
    assert.equal(
      fillCommand('train ${{inputs.data}} -e ${{ inputs.epochs }} -o ${{outputs.model}}', {
        inputs,
        outputs: { model: '/out' },
      }),
      'train /in/data -e 5 -o /out',
    );
  });

  it('leave out an optional part whose input is missing', () => {
    const command = 'train $[[--epochs ${{inputs.epochs}}]] $[[--seed ${{inputs.seed}}]] end';
    assert.equal(fillCommand(command, { inputs }), 'train --epochs 5  end');
  });

  it('keep values as they are, dollar signs too', () => {
    assert.equal(fillCommand('echo ${{inputs.x}}', { inputs: { x: '$& $1' } }), 'echo $& $1');
  });
});
