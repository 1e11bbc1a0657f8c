import assert from 'node:assert/strict';
import { PipelineFixture, jobResults, stepsOf } from './pipeline-fixture';

describe('templates and template expressions', () => {
  let fixture: PipelineFixture;
  beforeEach(() => (fixture = new PipelineFixture()));
  afterEach(() => fixture.dispose());

  it('put in steps, jobs, stages and variables, with paths relative to the file that names them', async () => {
    fixture.write({
      'ci/stages.yml': `
        parameters: [{ name: environments, type: object }]
        stages:
        - \${{ each environment in parameters.environments }}:
          - stage: deploy_\${{ environment.name }}
            variables: { percent: '\${{ environment.percent }}' }
            jobs:
            - template: jobs/deploy.yml
              parameters: { to: '\${{ environment.name }}' }`,
      'ci/jobs/deploy.yml': `
        parameters: [{ name: to, type: string }]
        jobs:
        - job: deploy
          steps:
          - template: /steps/say.yml@self
            parameters: { what: 'to \${{ parameters.to }} with \${{ variables.percent }} of \${{ variables.shared }}' }`,
      'steps/say.yml': `
        parameters: { what: nothing, twice: false }
        steps:
        - script: echo "\${{ parameters.what }}"
          displayName: Say \${{ parameters.what }}`,
      'variables.yml': `
        parameters: [{ name: value }]
        variables: { shared: '\${{ parameters.value }}' }`,
    });
    const run = await fixture.run(`
variables:
- template: variables.yml
  parameters: { value: ten }
stages:
- template: ci/stages.yml
  parameters:
    environments:
    - { name: test, percent: 10 }
    - { name: live, percent: 90 }
`);
    assert.deepEqual(jobResults(run), { 'deploy_test.deploy': 'Succeeded', 'deploy_live.deploy': 'Succeeded' });
    assert.ok(fixture.lines.includes('[deploy_test/deploy] to test with 10 of ten'));
    assert.ok(fixture.lines.includes('[deploy_live/deploy] to live with 90 of ten'));
  });

  it('a pipeline may extend a template', async () => {
    fixture.write({
      'base.yml': `
        parameters: [{ name: inner, type: stepList }]
        variables: { inside: base }
        jobs:
        - job: guarded
          steps:
          - script: echo before $(inside) $(outside)
          - \${{ parameters.inner }}`,
    });
    await fixture.run(`
variables: { outside: root }
extends:
  template: base.yml
  parameters:
    inner:
    - script: echo inner
`);
    assert.deepEqual(
      fixture.lines.filter(line => !line.startsWith('##') && !line.startsWith('Copied')),
      ['before base root', 'inner'],
    );
  });

  it('if, elseif, else, each and insert choose and repeat, in lists and in mappings', async () => {
    fixture.write({});
    const yaml = `
parameters:
- { name: size, type: string, default: small, values: [small, middle, big] }
- name: env
  type: object
  default: { A: '1', B: '2' }
steps:
- checkout: none
- \${{ if eq(parameters.size, 'big') }}:
  - script: echo very big
- \${{ elseif eq(parameters.size, 'middle') }}:
  - script: echo middle
- \${{ else }}:
  - \${{ each pair in parameters.env }}:
    - script: echo \${{ pair.key }} is \${{ pair.value }}
- script: echo $A $B $C $D
  env:
    \${{ insert }}: \${{ parameters.env }}
    \${{ if eq(parameters.size, 'small') }}:
      C: yes
    \${{ else }}:
      C: no
    \${{ each pair in parameters.env }}:
      X_\${{ pair.key }}: \${{ pair.value }}
    D: $(Build.Reason)
`;
    const said = async (size?: string): Promise<string[]> => {
      await fixture.run(yaml, size === undefined ? {} : { parameters: { size } });
      return fixture.lines.filter(line => !line.startsWith('##'));
    };
    assert.deepEqual(await said(), ['A is 1', 'B is 2', '1 2 yes Manual']);
    assert.deepEqual(await said('middle'), ['middle', '1 2 no Manual']);
    assert.deepEqual(await said('big'), ['very big', '1 2 no Manual']);
  });

  it('parameters have types, and text keeps what was written', async () => {
    const run = await fixture.run(
      `
parameters:
- { name: flag, type: boolean, default: false }
- { name: count, type: number, default: 3 }
- { name: text, default: 1.10 }
- { name: any, type: object, default: [1, { a: b }] }
steps:
- checkout: none
- \${{ if parameters.flag }}:
  - script: echo "\${{ parameters.flag }} \${{ parameters.count }} \${{ parameters.text }}"
  - script: |
      echo '\${{ convertToJson(parameters.any) }}' | tr -d '\\n '
`,
      { parameters: { flag: true, count: 7 } },
    );
    assert.equal(run.result, 'Succeeded');
    assert.deepEqual(
      fixture.lines.filter(line => !line.startsWith('##')),
      ['True 7 1.10', '["1",{"a":"b"}]'],
    );
  });

  it('variables: the nearest wins, groups and the run’s own are there, later ones see earlier ones', async () => {
    const run = await fixture.run(
      `
variables:
- group: shared
- { name: a, value: root }
- { name: b, value: root }
- { name: c, value: root }
- { name: d, value: '\${{ variables.a }} in \${{ variables.region }} and $(c)' }
stages:
- stage: s
  variables: { b: stage, c: stage }
  jobs:
  - job: j
    variables: { c: job }
    steps:
    - checkout: none
    - script: 'echo "$(a) $(b) $(c) | $(d) | $(Build.BuildNumber) $(region) $(key)"'
`,
      { variables: { a: 'given' } },
    );
    assert.equal(run.result, 'Succeeded');
    const said = fixture.lines.find(line => line.includes('|'));
    assert.equal(said, `given stage job | given in eastus and job | ${run.buildNumber} eastus ***`);
  });

  it('a matrix runs a job once for each leg, with its variables', async () => {
    const run = await fixture.run(`
jobs:
- job: test
  strategy:
    maxParallel: 1
    matrix:
      old: { version: 20 }
      new: { version: 24 }
  steps:
  - checkout: none
  - task: Speak@1
    name: say
    inputs: { lines: '##vso[task.setvariable variable=v;isOutput=true]$(version) $(System.JobName)' }
- job: after
  dependsOn: test
  variables:
    first: $[ dependencies.test.outputs['old.say.v'] ]
  steps:
  - checkout: none
  - script: echo first $(first)
`);
    assert.deepEqual(run.outputs, {
      '__default.test.old.say.v': '20 old',
      '__default.test.new.say.v': '24 new',
    });
    assert.ok(fixture.lines.includes('[after] first 20 old'));
  });

  it('displayName and name come out as written', async () => {
    const run = await fixture.run(`
name: $(Build.DefinitionName)-$(Date:yyyy)-$(Rev:rrr)
steps:
- checkout: none
- task: Speak@1
  displayName: Speak of $(Build.Reason)
`);
    assert.match(run.buildNumber, /^pipeline-\d{4}-001$/);
    assert.deepEqual(Object.keys(stepsOf(run)), ['__default.Job.Speak of Manual']);
  });
});
