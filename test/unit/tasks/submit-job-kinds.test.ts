import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ComponentVersion } from '../../../lib/azureml/components';
import { plannedAssets } from '../../../tasks/SubmitTrainingJob/job-body/job-assets';
import { jobBody, type JobBody } from '../../../tasks/SubmitTrainingJob/job-body/job-body';
import { readJobFile } from '../../../tasks/SubmitTrainingJob/job-file/read-job-file';
import { FakeWorkspace } from './submit-fake-workspace';

/** What `az ml` 2 sends for the same files was compared by hand with these bodies, and is again wherever its SDK can be installed. */
describe('a job file of more than one command', () => {
  let folder: string;
  let components: ComponentVersion[];
  const { workspace } = new FakeWorkspace();
  const id = (rest: string): string => `${workspace.id}/${rest}`;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-job-'));
    mkdirSync(join(folder, 'src'));
    components = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function body(files: Record<string, string>, set: Record<string, string> = {}): Promise<JobBody> {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return jobBody(readJobFile(join(folder, 'job.yml'), set), {
      ...plannedAssets(workspace),
      code: () => Promise.resolve(id('codes/c/versions/1')),
      component: component => {
        components.push(component);
        return Promise.resolve(id(`components/azureml_anonymous/versions/${components.length}`));
      },
    });
  }

  it('becomes a sweep', async () => {
    const made = await body({
      'job.yml': `
$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json
type: sweep
experiment_name: nsfw-detection
trial:
  code: src
  command: python train.py --lr \${{search_space.lr}} --batch \${{search_space.batch}}
  environment: azureml:sklearn:1
  resources: { instance_count: 2 }
compute: azureml:cpu-cluster
inputs: { epochs: 3 }
sampling_algorithm: { type: random, seed: 7, rule: sobol }
search_space:
  lr: { type: loguniform, min_value: -6.9, max_value: -2.3 }
  batch: { type: choice, values: [8, 16] }
  depth: { type: quniform, min_value: 1, max_value: 5, q: 2 }
  noise: { type: normal, mu: 0, sigma: 1 }
  seed: { type: randint, upper: 5 }
objective: { goal: Maximize, primary_metric: val_accuracy }
early_termination: { type: bandit, slack_factor: 0.1, delay_evaluation: 2 }
limits: { max_total_trials: 4, max_concurrent_trials: 2, timeout: 7200, trial_timeout: 90 }
`,
    });
    assert.deepEqual(made, {
      jobType: 'Sweep',
      experimentName: 'nsfw-detection',
      tags: {},
      properties: {},
      computeId: id('computes/cpu-cluster'),
      inputs: { epochs: { jobInputType: 'literal', value: '3' } },
      outputs: {},
      searchSpace: {
        lr: ['loguniform', [-6.9, -2.3]],
        batch: ['choice', [[8, 16]]],
        depth: ['quniform', [1, 5, 2]],
        noise: ['normal', [0, 1]],
        seed: ['randint', [5]],
      },
      samplingAlgorithm: { samplingAlgorithmType: 'Random', seed: 7, rule: 'Sobol' },
      objective: { goal: 'Maximize', primaryMetric: 'val_accuracy' },
      earlyTermination: {
        policyType: 'Bandit',
        evaluationInterval: 1,
        delayEvaluation: 2,
        slackFactor: 0.1,
        slackAmount: 0,
      },
      limits: {
        jobLimitsType: 'Sweep',
        maxTotalTrials: 4,
        maxConcurrentTrials: 2,
        timeout: 'PT2H',
        trialTimeout: 'PT1M30S',
      },
      trial: {
        command: 'python train.py --lr ${{search_space.lr}} --batch ${{search_space.batch}}',
        codeId: id('codes/c/versions/1'),
        environmentId: id('environments/sklearn/versions/1'),
        environmentVariables: {},
        resources: { instanceCount: 2 },
      },
    });
  });

  const chain = {
    'job.yml': `
type: pipeline
settings: { default_compute: azureml:cpu-cluster, default_datastore: azureml:workspaceblobstore, force_rerun: true }
inputs:
  epochs: 3
  rate: 1.10
outputs:
  model: { type: mlflow_model, mode: upload }
jobs:
  prepare:
    command: prepare \${{inputs.n}} \${{inputs.rate}} \${{outputs.data}}
    code: src
    environment: azureml:sklearn:1
    inputs: { n: "\${{parent.inputs.epochs}}", rate: "\${{parent.inputs.rate}}", flag: yes, name: "3" }
    outputs: { data: { type: uri_folder } }
  train:
    type: command
    component: ./train.yml
    inputs: { data: "\${{parent.jobs.prepare.outputs.data}}", epochs: 5 }
    outputs: { model: "\${{parent.outputs.model}}" }
    resources: { instance_count: 2 }
    distribution: { type: pytorch, process_count_per_instance: 2 }
    limits: { timeout: 60 }
  publish:
    component: azureml:publish:4
    inputs: { model: { type: mlflow_model, path: "\${{parent.jobs.train.outputs.model}}", mode: download } }
`,
    'train.yml': `
name: train
version: 2
type: command
inputs:
  data: { type: uri_folder }
  epochs: { type: integer, default: 5 }
  rate: { type: number, default: 1, min: 0 }
outputs: { model: { type: mlflow_model } }
code: ./src
environment: azureml:sklearn:1
command: train \${{inputs.data}} $[[--rate \${{inputs.rate}}]]
`,
  };

  it('becomes a pipeline whose steps are components', async () => {
    const made = await body(chain);
    assert.equal(made.jobType, 'Pipeline');
    assert.deepEqual(made['settings'], {
      default_compute: id('computes/cpu-cluster'),
      default_datastore: id('datastores/workspaceblobstore'),
      force_rerun: true,
      _source: 'YAML.JOB',
    });
    assert.deepEqual(made.inputs, {
      epochs: { jobInputType: 'literal', value: '3' },
      rate: { jobInputType: 'literal', value: '1.10' },
    });
    assert.deepEqual(made['outputs'], { model: { jobOutputType: 'mlflow_model', mode: 'Upload' } });
    assert.deepEqual(made['jobs'], {
      prepare: {
        name: 'prepare',
        type: 'command',
        inputs: {
          n: { job_input_type: 'literal', value: '${{parent.inputs.epochs}}' },
          rate: { job_input_type: 'literal', value: '${{parent.inputs.rate}}' },
          flag: { job_input_type: 'literal', value: 'True' },
          name: { job_input_type: 'literal', value: '3' },
        },
        outputs: { data: { job_output_type: 'uri_folder' } },
        _source: 'YAML.JOB',
        componentId: `azureml:${id('components/azureml_anonymous/versions/1')}`,
      },
      train: {
        name: 'train',
        type: 'command',
        inputs: {
          data: { job_input_type: 'literal', value: '${{parent.jobs.prepare.outputs.data}}' },
          epochs: { job_input_type: 'literal', value: '5' },
        },
        outputs: { model: { type: 'literal', value: '${{parent.outputs.model}}' } },
        resources: { instance_count: 2 },
        distribution: { distribution_type: 'PyTorch', process_count_per_instance: 2 },
        limits: { job_limits_type: 'Command', timeout: 'PT1M' },
        _source: 'YAML.COMPONENT',
        componentId: `azureml:${id('components/azureml_anonymous/versions/2')}`,
      },
      publish: {
        name: 'publish',
        type: 'command',
        inputs: {
          model: { job_input_type: 'literal', value: '${{parent.jobs.train.outputs.model}}', mode: 'Download' },
        },
        _source: 'REMOTE.WORKSPACE.COMPONENT',
        componentId: `azureml:${id('components/publish/versions/4')}`,
      },
    });
  });

  it('declares the inputs of an inline step with the types of their values', async () => {
    await body(chain);
    const { inputs, outputs, command, code } = components[0]!.componentSpec;
    assert.deepEqual(inputs, {
      n: { type: 'integer' },
      rate: { type: 'number' },
      flag: { type: 'boolean', default: 'True' },
      name: { type: 'string', default: '3' },
    });
    assert.deepEqual(outputs, { data: { type: 'uri_folder' } });
    assert.equal(command, 'prepare ${{inputs.n}} ${{inputs.rate}} ${{outputs.data}}');
    assert.equal(code, `azureml:${id('codes/c/versions/1')}`);
  });

  it('sends a component file’s numbers as text', async () => {
    await body(chain);
    assert.deepEqual(components[1]!.componentSpec['inputs'], {
      data: { type: 'uri_folder' },
      epochs: { type: 'integer', default: '5' },
      rate: { type: 'number', default: '1.0', min: '0.0' },
    });
  });

  it('takes overrides deep inside a step', async () => {
    const made = await body(chain, { 'jobs.train.inputs.epochs': '9', 'inputs.rate': '0.5' });
    const { train } = made['jobs'] as Record<string, { inputs: object }>;
    assert.deepEqual((train!.inputs as Record<string, unknown>)['epochs'], { job_input_type: 'literal', value: '9' });
    assert.equal(made.inputs!['rate']!.value, '0.5');
  });

  it('nests sweeps and pipelines as steps', async () => {
    const made = await body({
      ...chain,
      'inner.yml': `
type: pipeline
inputs: { data: { type: uri_folder } }
outputs: { model: { type: mlflow_model } }
jobs:
  one:
    component: ./train.yml
    inputs: { data: "\${{parent.inputs.data}}" }
    outputs: { model: "\${{parent.outputs.model}}" }
`,
      'job.yml': `
inputs: { data: { type: uri_folder, path: azureml:images:7 } }
jobs:
  search:
    type: sweep
    trial: ./train.yml
    inputs: { data: "\${{parent.inputs.data}}" }
    outputs: { model: }
    search_space: { epochs: { type: choice, values: [1, 2] } }
    objective: { goal: minimize, primary_metric: loss }
    limits: { max_total_trials: 2, timeout: 60 }
    early_termination: { type: median_stopping, evaluation_interval: 2 }
  inner:
    type: pipeline
    component: ./inner.yml
    inputs: { data: "\${{parent.inputs.data}}" }
`,
    });
    const jobs = made['jobs'] as Record<string, Record<string, unknown>>;
    const { search, inner } = jobs;
    assert.deepEqual(search!['search_space'], { epochs: { type: 'choice', values: [1, 2] } });
    assert.deepEqual(search!['limits'], { max_total_trials: 2, timeout: 60 });
    assert.deepEqual(search!['early_termination'], {
      policy_type: 'MedianStopping',
      evaluation_interval: 2,
      delay_evaluation: 0,
    });
    assert.equal(search!['outputs'], undefined);
    assert.deepEqual(search!['trial'], { componentId: `azureml:${id('components/azureml_anonymous/versions/1')}` });
    assert.equal(inner!['type'], 'pipeline');
    const nested = components.at(-1)!.componentSpec;
    assert.equal(nested['type'], 'pipeline');
    assert.deepEqual(Object.keys(nested['jobs'] as object), ['one']);
  });
});
