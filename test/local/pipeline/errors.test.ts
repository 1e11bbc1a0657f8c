import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../../local/pipeline/pipeline-error';
import { PipelineFixture } from './pipeline-fixture';

interface Case {
  yaml: string;
  /** Line and column of the place, and what the text must say. */
  at: string;
  says: RegExp;
  file?: string;
  parameters?: Record<string, unknown>;
}

const cases: Record<string, Case> = {
  'an unknown key of the pipeline': { yaml: 'stpes: []', at: '1:1', says: /Unexpected value 'stpes'.*steps/ },
  'an unknown key of a stage': {
    yaml: 'stages:\n- stage: a\n  job: []',
    at: '3:3',
    says: /Unexpected value 'job' in a stage/,
  },
  'an unknown key of a job': {
    yaml: 'jobs:\n- job: a\n  container: x\n  steps: []',
    at: '3:3',
    says: /'container' in a job/,
  },
  'an unknown key of a step': {
    yaml: 'steps:\n- script: a\n  shell: sh',
    at: '3:3',
    says: /'shell' in a script step/,
  },
  'an unknown kind of step': { yaml: 'steps:\n- powershell: ls', at: '2:3', says: /Unexpected step 'powershell'/ },
  'an unknown task': {
    yaml: 'steps:\n- task: Spaek@1',
    at: '2:3',
    says: /task called 'Spaek@1'. Installed are: .*Speak@1/,
  },
  'another major version of a task': { yaml: 'steps:\n- task: Speak@2', at: '2:3', says: /'Speak@2'/ },
  'an unknown input': {
    yaml: 'steps:\n- task: Speak@1\n  inputs:\n    lnies: x',
    at: '4:5',
    says: /no input 'lnies'. It has: lines/,
  },
  'an unknown connection': {
    yaml: 'steps:\n- task: ShowEnvironment@1\n  inputs:\n    azureSubscription: your-azure',
    at: '4:24',
    says: /service connection your-azure .*could not be found.*my-azure/,
  },
  'an unknown variable group': {
    yaml: 'variables:\n- group: sharde\nsteps: []',
    at: '2:3',
    says: /'sharde' could not be found. The project has: shared/,
  },
  'an unknown parameter': {
    yaml: 'parameters: [{ name: a, default: 1 }]\nsteps:\n- script: echo ${{ parameters.b }}',
    at: '3:11',
    says: /no parameter 'b'. Declared are: a/,
  },
  'an unknown variable in a template expression': {
    yaml: 'steps:\n- script: echo ${{ variables.nope }}',
    at: '2:11',
    says: /no variable 'nope'/,
  },
  'a parameter given that is not declared': {
    yaml: 'steps: []',
    parameters: { x: 1 },
    at: '1:1',
    says: /Unexpected parameter 'x'/,
  },
  'a parameter without a value': {
    yaml: 'parameters:\n- name: must\nsteps: []',
    at: '1:1',
    says: /value for the 'must' parameter must be provided/,
  },
  'a parameter of the wrong type': {
    yaml: 'parameters:\n- { name: n, type: number, default: many }\nsteps: []',
    at: '2:37',
    says: /'n' parameter is not a valid Number: many/,
  },
  'a parameter that is not among the allowed values': {
    yaml: 'parameters:\n- { name: n, values: [a, b], default: a }\nsteps: []',
    parameters: { n: 'c' },
    at: '1:1',
    says: /'c' is not a valid value. Allowed are: a, b/,
  },
  'a template that is not there': {
    yaml: 'steps:\n- template: nowhere.yml',
    at: '2:3',
    says: /template nowhere.yml could not be found/,
  },
  'a template of another repository': {
    yaml: 'steps:\n- template: a.yml@other',
    at: '2:3',
    says: /repository 'other'/,
  },
  'a template with the wrong section': {
    yaml: 'jobs:\n- template: good.yml',
    at: '1:1',
    says: /'steps'/,
    file: 'good.yml',
  },
  'a template that includes itself': {
    yaml: 'steps:\n- template: loop.yml',
    at: '2:3',
    says: /include itself/,
    file: 'loop.yml',
  },
  'something wrong inside a template': {
    yaml: 'steps:\n- template: bad.yml',
    at: '3:3',
    says: /'frobnicate' in a script step/,
    file: 'bad.yml',
  },
  'an unknown function': {
    yaml: "steps:\n- script: a\n  condition: whenever('x')",
    at: '3:3',
    says: /Unrecognized function: 'whenever'/,
  },
  'dependencies in the condition of a step': {
    yaml: "steps:\n- script: a\n  condition: eq(dependencies.a.result, 'Succeeded')",
    at: '3:3',
    says: /Unrecognized value: 'dependencies'/,
  },
  'a broken runtime expression': {
    yaml: 'variables:\n  a: $[ dependencies.x.outputs( ]\nsteps: []',
    at: '2:6',
    says: /Unexpected symbol/,
  },
  'an expression that is not closed': { yaml: 'steps:\n- script: echo ${{ 1', at: '2:11', says: /not closed/ },
  'else without if': { yaml: 'steps:\n- ${{ else }}:\n  - script: a', at: '2:3', says: /else }} without/ },
  'an unknown dependency': {
    yaml: 'jobs:\n- job: a\n  dependsOn: b\n  steps: []',
    at: '2:3',
    says: /'a' depends on the unknown job 'b'/,
  },
  'dependencies in a circle': {
    yaml: 'jobs:\n- job: a\n  dependsOn: b\n- job: b\n  dependsOn: a',
    at: '2:3',
    says: /a -> b -> a/,
  },
  'a name used twice': { yaml: 'jobs:\n- job: a\n- job: A', at: '3:3', says: /'A' is already used/ },
  'a name that is none': { yaml: 'jobs:\n- job: a-b', at: '2:3', says: /'a-b' is not valid/ },
  'a key written twice': { yaml: 'steps: []\nsteps: []', at: '2:1', says: /'steps' is already defined/ },
  'YAML that is none': { yaml: 'steps:\n  - a: [', at: '2:9', says: /./ },
  'an anchor': { yaml: 'variables: &v { a: b }\nsteps: []', at: '1:15', says: /Anchors/ },
  'a resource': {
    yaml: 'resources:\n  repositories: []\nsteps: []',
    at: '2:3',
    says: /resources.repositories is not supported/,
  },
  'a strategy of deployment that is not supported': {
    yaml: 'jobs:\n- deployment: a\n  environment: e\n  strategy:\n    canary: {}',
    at: '5:5',
    says: /'canary' in the strategy of a deployment/,
  },
  'a text where a number belongs': {
    yaml: 'jobs:\n- job: a\n  timeoutInMinutes: soon',
    at: '3:3',
    says: /must be a whole number, not 'soon'/,
  },
  'a job without an agent': { yaml: 'jobs:\n- job: a\n  pool: server', at: '3:9', says: /pool: server/ },
  'an input of a task of Azure Pipelines that is not supported': {
    yaml: 'steps:\n- task: Bash@3\n  inputs: { bashEnvValue: x }',
    at: '3:3',
    says: /'bashEnvValue' of Bash@3 is not supported/,
  },
  'nothing to run': { yaml: 'name: x', at: '1:1', says: /needs stages, jobs, steps or extends/ },
};

describe('what is wrong in a pipeline', () => {
  let fixture: PipelineFixture;
  before(() => {
    fixture = new PipelineFixture();
    fixture.write({
      'good.yml': 'steps:\n- script: echo good',
      'bad.yml': 'steps:\n- script: echo bad\n  frobnicate: 1',
      'loop.yml': 'steps:\n- template: loop.yml',
    });
  });
  after(() => fixture.dispose());

  for (const [what, { yaml, at, says, file, parameters }] of Object.entries(cases)) {
    it(`${what}: stops before anything runs, with its place`, async () => {
      const runDir = join(fixture.folder, 'run');
      const error = await fixture.run(yaml, parameters ? { parameters, runDir } : { runDir }).then(
        () => assert.fail('it ran'),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof PipelineError, String(error));
      assert.ok(error.message.startsWith(`${file ?? 'pipeline.yml'}:${at}: `), error.message);
      assert.match(error.text, says);
      assert.deepEqual(fixture.lines, []);
      assert.ok(!existsSync(runDir));
    });
  }
});
