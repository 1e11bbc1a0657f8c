import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jobBody } from '../../../tasks/SubmitTrainingJob/job-body/job-body';
import { inlineJobFile, readJobFile } from '../../../tasks/SubmitTrainingJob/job-file/read-job-file';
import { plannedAssets } from '../../../tasks/SubmitTrainingJob/job-body/job-assets';
import { FakeWorkspace } from './submit-fake-workspace';

const minimal = `command: python train.py
environment: azureml:sklearn:1
compute: azureml:cpu-cluster
`;

describe('a job file', () => {
  let folder: string;
  let fake: FakeWorkspace;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-job-'));
    fake = new FakeWorkspace();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const body = (yaml: string, set: Record<string, string> = {}) => {
    const file = join(folder, 'job.yml');
    writeFileSync(file, yaml);
    // An async function, so that a refusal at reading and one at building look the same.
    return (async () => jobBody(readJobFile(file, set), plannedAssets(fake.workspace)))();
  };
  const id = (rest: string): string => `${fake.workspace.id}/${rest}`;

  it('becomes the REST body, part by part', async () => {
    mkdirSync(join(folder, 'src'));
    mkdirSync(join(folder, 'images'));
    assert.deepEqual(
      await body(`
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
type: command
experiment_name: nsfw-detection
display_name: Train
description: A model
code: src
command: python train.py --data \${{inputs.data}} --epochs \${{inputs.epochs}}
environment: azureml:sklearn@latest
compute: azureml:cpu-cluster
environment_variables: { LEVEL: 3, FLAG: true }
tags: { team: guardian, version: 1.10 }
inputs:
  epochs: 10
  rate: 1.0
  augment: yes
  name: resnet50
  data: { type: uri_folder, path: ./images, mode: download }
  asset: { path: azureml:images@latest }
  start: { type: custom_model, path: azureml:base:4 }
  web: { type: uri_file, path: https://example.org/x.csv }
outputs:
  model: { type: uri_folder, mode: upload }
distribution: { type: PyTorch, process_count_per_instance: 2 }
resources: { instance_count: 2, shm_size: 2g }
limits: { timeout: 3600 }
identity: { type: managed, client_id: abc }
`),
      {
        jobType: 'Command',
        command: 'python train.py --data ${{inputs.data}} --epochs ${{inputs.epochs}}',
        environmentId: id('environments/sklearn/versions/2'),
        codeId: `(upload of ${join(folder, 'src')})`,
        computeId: id('computes/cpu-cluster'),
        experimentName: 'nsfw-detection',
        displayName: 'Train',
        description: 'A model',
        environmentVariables: { LEVEL: '3', FLAG: 'true' },
        tags: { team: 'guardian', version: '1.10' },
        properties: {},
        inputs: {
          epochs: { jobInputType: 'literal', value: '10' },
          rate: { jobInputType: 'literal', value: '1.0' },
          augment: { jobInputType: 'literal', value: 'True' },
          name: { jobInputType: 'literal', value: 'resnet50' },
          data: { jobInputType: 'uri_folder', uri: `(upload of ${join(folder, 'images')})`, mode: 'Download' },
          asset: { jobInputType: 'uri_folder', uri: id('data/images/versions/7') },
          start: { jobInputType: 'custom_model', uri: id('models/base/versions/4') },
          web: { jobInputType: 'uri_file', uri: 'https://example.org/x.csv' },
        },
        outputs: { model: { jobOutputType: 'uri_folder', mode: 'Upload' } },
        distribution: { distributionType: 'PyTorch', processCountPerInstance: 2 },
        resources: { instanceCount: 2, shmSize: '2g' },
        limits: { jobLimitsType: 'Command', timeout: 'PT1H' },
        identity: { identityType: 'Managed', clientId: 'abc' },
      },
    );
  });

  it('may bring no compute along: serverless', async () => {
    const { computeId, resources } = await body(
      `${minimal.replace(/compute.*\n/, '')}resources: { instance_type: Standard_DS3_v2 }\n`,
    );
    assert.equal(computeId, undefined);
    assert.deepEqual(resources, { instanceType: 'Standard_DS3_v2' });
  });

  it('may spell out its environment', async () => {
    writeFileSync(join(folder, 'conda.yml'), 'dependencies: [python=3.10]\n');
    const inline = 'command: x\nenvironment: { image: ubuntu, conda_file: conda.yml }\n';
    assert.equal((await body(inline)).environmentId, '(new version of an environment of this job)');
    assert.equal(
      (await body('command: x\nenvironment: { name: mine, image: ubuntu }\n')).environmentId,
      '(new version of mine)',
    );
  });

  describe('takes overrides', () => {
    for (const [path, value, check] of [
      [
        'inputs.epochs',
        '5',
        (job: Awaited<ReturnType<typeof body>>) =>
          assert.deepEqual(job.inputs, { epochs: { jobInputType: 'literal', value: '5' } }),
      ],
      [
        'inputs.epochs',
        '1e-3',
        job => assert.deepEqual(job.inputs, { epochs: { jobInputType: 'literal', value: '1e-3' } }),
      ],
      [
        'inputs.epochs',
        'a: b',
        job => assert.deepEqual(job.inputs, { epochs: { jobInputType: 'literal', value: 'a: b' } }),
      ],
      [
        'inputs.epochs',
        '@home',
        job => assert.deepEqual(job.inputs, { epochs: { jobInputType: 'literal', value: '@home' } }),
      ],
      ['environment_variables.NEW', 'x', job => assert.deepEqual(job.environmentVariables, { NEW: 'x' })],
      ['tags.run', '7', job => assert.deepEqual(job.tags, { run: '7' })],
      ['experiment_name', 'other', job => assert.equal(job.experimentName, 'other')],
      ['resources.instance_count', '2', job => assert.deepEqual(job.resources, { instanceCount: 2 })],
      ['limits.timeout', '60', job => assert.deepEqual(job.limits, { jobLimitsType: 'Command', timeout: 'PT1M' })],
    ] as const satisfies readonly (readonly [string, string, (job: Awaited<ReturnType<typeof body>>) => void])[]) {
      it(`${path}=${value}`, async () => check(await body(`${minimal}inputs: { epochs: 10 }\n`, { [path]: value })));
    }
  });

  describe('is refused with what is wrong and where', () => {
    for (const [what, yaml, pattern, set] of [
      ['a key that is not known', `${minimal}comand: x\n`, /line 4: comand: this key is not known/, {}],
      [
        'an unknown key deep inside',
        `${minimal}resources:\n  instance_cnt: 2\n`,
        /line 5: resources\.instance_cnt/,
        {},
      ],
      [
        'two problems at once',
        `${minimal}tags: 7\nlimits: { timeout: soon }\n`,
        /line 4: tags[\s\S]*line 5: limits\.timeout/,
        {},
      ],
      ['no command', 'environment: azureml:a:1\n', /command/, {}],
      ['an AutoML job', `${minimal}type: automl\n`, /line 4: jobs of type "automl" are not supported/, {}],
      ['a sweep without a trial', 'type: sweep\nsearch_space: {}\n', /not a sweep job[\s\S]*trial/, {}],
      ['a pipeline without steps', 'jobs: {}\n', /pipeline without steps/, {}],
      [
        'a step of a kind that is not supported',
        'jobs:\n  a:\n    type: spark\n',
        /line 3: the step a is of type "spark"/,
        {},
      ],
      [
        'an unknown key in a step',
        'jobs:\n  a:\n    command: x\n    environment: azureml:sklearn:1\n    comput: y\n',
        /line 5: jobs\.a\.comput: this key is not known/,
        {},
      ],
      [
        'a component file that is not there',
        'jobs:\n  a:\n    component: ./gone.yml\n',
        /line 3: the component file .*gone\.yml cannot be read \(ENOENT\)/,
        {},
      ],
      ['no map', '- a\n', /must be a map/, {}],
      ['bad YAML', 'a: [', /not valid YAML/, {}],
      [
        'an unknown override',
        `${minimal}inputs: { epochs: 1 }\n`,
        /no inputs\.epoch\. There is epochs\./,
        { 'inputs.epoch': '5' },
      ],
      [
        'an unknown top-level override',
        minimal,
        /has no comand\. There are command, environment, compute\./,
        { comand: 'x' },
      ],
      [
        'an override below a value',
        `${minimal}inputs: { a: 1 }\n`,
        /compute is a single value/,
        { 'compute.size': 'x' },
      ],
      [
        'local paths that are not there',
        `${minimal}code: nowhere\ninputs: { d: { path: gone.csv } }\n`,
        /code: .*nowhere[\s\S]*inputs\.d\.path: .*gone\.csv/,
        {},
      ],
      [
        'a compute that differs in case',
        minimal.replace('cpu-', 'Cpu-'),
        /no compute 'Cpu-cluster'.*'cpu-cluster': names are case-sensitive/,
        {},
      ],
      [
        'more nodes than the cluster has',
        `${minimal}resources: { instance_count: 3 }\n`,
        /asks for 3 nodes.*at most 2/,
        {},
      ],
      [
        'an environment that is not there',
        minimal.replace('sklearn', 'sklern'),
        /no environment 'sklern' version 1.*Did you mean 'sklearn'/,
        {},
      ],
      [
        'an environment version that is not there',
        minimal.replace(':1', ':9'),
        /no environment 'sklearn' version 9/,
        {},
      ],
      [
        'data that is not there',
        `${minimal}inputs: { d: { path: azureml:image@latest } }\n`,
        /no 'image' among the data.*'images'/,
        {},
      ],
      ['an environment with neither image nor build', 'command: x\nenvironment: { name: e }\n', /names neither/, {}],
    ] as const) {
      it(what, async () => assert.rejects(body(yaml, set), { name: 'TaskError', message: pattern }));
    }

    it('a file that is not there', () => {
      assert.throws(() => readJobFile('/nowhere/job.yml', {}), /\/nowhere\/job\.yml does not exist/);
    });
  });

  it('can be made of the task’s inputs', async () => {
    const file = inlineJobFile(
      {
        command: 'python t.py ${{inputs.n}}',
        code: undefined,
        environment: 'ubuntu:22.04',
        compute: 'cpu-cluster',
        experiment_name: 'e',
        inputs: { n: '1.10' },
        environment_variables: { DEBUG: 'on' },
        resources: { instance_count: 1 },
      },
      folder,
      { 'inputs.n': '2' },
    );
    const made = await jobBody(file, plannedAssets(fake.workspace));
    assert.deepEqual(made.inputs, { n: { jobInputType: 'literal', value: '2' } });
    assert.deepEqual(made['environmentVariables'], { DEBUG: 'on' });
    assert.equal(made.experimentName, 'e');
  });
});
