import assert from 'node:assert/strict';
import { jobResults, PipelineFixture, stepsOf } from './pipeline-fixture';

describe('conditions', () => {
  let fixture: PipelineFixture;
  beforeEach(() => (fixture = new PipelineFixture()));
  afterEach(() => fixture.dispose());

  it('of steps ask for the job so far and its variables', async () => {
    const conditions: Record<string, [string, 'ok' | 'bad', boolean]> = {
      default_ok: ['', 'ok', true],
      default_bad: ['', 'bad', false],
      succeeded_ok: ['succeeded()', 'ok', true],
      succeeded_bad: ['succeeded()', 'bad', false],
      failed_ok: ['failed()', 'ok', false],
      failed_bad: ['failed()', 'bad', true],
      always_bad: ['always()', 'bad', true],
      either_bad: ['succeededOrFailed()', 'bad', true],
      canceled_bad: ['canceled()', 'bad', false],
      variable_ok: ["and(succeeded(), eq(variables['mine'], 'X'))", 'ok', true],
      set_by_step: ["eq(variables.set, '1')", 'ok', true],
      missing: ["eq(variables['nope'], '')", 'ok', true],
      status: ["eq(variables['Agent.JobStatus'], 'Failed')", 'bad', true],
    };
    const run = await fixture.run(
      `
variables: { mine: x }
jobs:
` +
        Object.entries(conditions)
          .map(
            ([name, [condition, before]]) => `
- job: ${name}
  steps:
  - checkout: none
  - script: echo "##vso[task.setvariable variable=set]1"; exit ${before === 'ok' ? 0 : 1}
  - script: ':'
    name: asked
    ${condition === '' ? '' : `condition: ${condition}`}
`,
          )
          .join(''),
    );
    const steps = stepsOf(run);
    for (const [name, [, , expected]] of Object.entries(conditions)) {
      assert.equal(steps[`__default.${name}.asked`]?.result, expected ? 'Succeeded' : 'Skipped', name);
    }
  });

  it('of jobs ask for all that come before, or for those that they name', async () => {
    const condition: Record<string, [string, boolean]> = {
      plain: ['', false],
      succeeded_one: ["succeeded('good')", true],
      succeeded_both: ["succeeded('good', 'bad')", false],
      failed_any: ['failed()', true],
      failed_good: ["failed('good')", false],
      either: ['succeededOrFailed()', true],
      always: ['always()', true],
      by_result: ["eq(dependencies.bad.result, 'Failed')", true],
      by_variable: ["and(always(), eq(variables['mine'], 'x'))", true],
    };
    const run = await fixture.run(
      `
variables: { mine: x }
jobs:
- job: good
  steps: [{ checkout: none }, { script: exit 0 }]
- job: bad
  steps: [{ checkout: none }, { script: exit 1 }]
` +
        Object.entries(condition)
          .map(
            ([name, [text]]) => `
- job: ${name}
  dependsOn: [good, bad]
  ${text === '' ? '' : `condition: ${text}`}
  steps: [{ checkout: none }, { script: exit 0 }]
`,
          )
          .join('') +
        `
- job: behind_skipped
  dependsOn: plain
  steps: [{ checkout: none }, { script: exit 0 }]
- job: behind_skipped_either
  dependsOn: plain
  condition: succeededOrFailed()
  steps: [{ checkout: none }, { script: exit 0 }]
- job: behind_skipped_always
  dependsOn: plain
  condition: not(canceled())
  steps: [{ checkout: none }, { script: exit 0 }]
- job: names_nobody
  condition: succeeded('nobody')
  steps: [{ checkout: none }, { script: exit 0 }]
`,
    );
    const results = jobResults(run);
    for (const [name, [, expected]] of Object.entries(condition)) {
      assert.equal(results[`__default.${name}`], expected ? 'Succeeded' : 'Skipped', name);
    }
    assert.equal(results['__default.behind_skipped'], 'Skipped');
    assert.equal(results['__default.behind_skipped_either'], 'Skipped');
    assert.equal(results['__default.behind_skipped_always'], 'Succeeded');
    assert.equal(results['__default.names_nobody'], 'Failed');
    assert.equal(run.result, 'Failed');
  });

  it('of stages decide whether a stage runs; a skipped one skips what follows', async () => {
    const run = await fixture.run(`
stages:
- stage: build
  jobs: [{ job: j, steps: [{ checkout: none }, { script: exit 1 }] }]
- stage: deploy
  jobs: [{ job: j, steps: [{ checkout: none }, { script: exit 0 }] }]
- stage: verify
  jobs: [{ job: j, steps: [{ checkout: none }, { script: exit 0 }] }]
- stage: report
  dependsOn: [build, deploy]
  condition: and(failed('build'), eq(dependencies.deploy.result, 'Skipped'))
  jobs: [{ job: j, steps: [{ checkout: none }, { script: exit 0 }] }]
- stage: free
  dependsOn: []
  jobs: [{ job: j, steps: [{ checkout: none }, { script: exit 0 }] }]
- stage: main_only
  dependsOn: []
  condition: eq(variables['Build.SourceBranch'], 'refs/heads/never')
  jobs: [{ job: j, steps: [{ checkout: none }, { script: exit 0 }] }]
`);
    assert.deepEqual(
      run.stages.map(stage => [stage.name, stage.result]),
      [
        ['build', 'Failed'],
        ['deploy', 'Skipped'],
        ['verify', 'Skipped'],
        ['report', 'Succeeded'],
        ['free', 'Succeeded'],
        ['main_only', 'Skipped'],
      ],
    );
  });

  it('see variables that are evaluated at run time', async () => {
    const run = await fixture.run(`
variables:
  isManual: $[ eq(variables['Build.Reason'], 'Manual') ]
stages:
- stage: manual
  condition: eq(variables.isManual, true)
  jobs: [{ job: j, steps: [{ checkout: none }, { script: echo $(isManual) }] }]
- stage: automatic
  condition: and(succeeded(), not(eq(variables.isManual, true)))
  jobs: [{ job: j, steps: [{ checkout: none }, { script: exit 0 }] }]
`);
    assert.deepEqual(jobResults(run), { 'manual.j': 'Succeeded', 'automatic.j': 'Skipped' });
    assert.ok(fixture.lines.includes('[manual/j] True'));
  });
});
