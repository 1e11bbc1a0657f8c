import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PipelineEvent } from '../../../local/pipeline/run-pipeline';
import { jobResults, PipelineFixture, stepsOf } from './pipeline-fixture';

describe('a run', () => {
  let fixture: PipelineFixture;
  beforeEach(() => (fixture = new PipelineFixture()));
  afterEach(() => fixture.dispose());

  const said = (): string[] => fixture.lines.filter(line => !line.includes('##[section]'));

  it('hands output variables to later steps, jobs and stages', async () => {
    const run = await fixture.run(`
stages:
- stage: one
  jobs:
  - job: make
    steps:
    - checkout: none
    - task: Speak@1
      name: say
      inputs: { lines: '##vso[task.setvariable variable=version;isOutput=true]7' }
    - script: echo "step $(say.version) $SAY_VERSION"
  - job: use
    dependsOn: make
    condition: and(succeeded(), eq(dependencies.make.outputs['say.version'], '7'))
    variables:
      v: $[ dependencies.make.outputs['say.version'] ]
    steps:
    - checkout: none
    - script: echo job $(v)
- stage: two
  condition: eq(dependencies.one.outputs['make.say.version'], '7')
  variables:
    v: $[ stageDependencies.one.make.outputs['say.version'] ]
    r: $[ stageDependencies.one.make.result ]
  jobs:
  - deployment: deploy
    environment: live
    strategy:
      runOnce:
        deploy:
          steps:
          - script: echo "stage $(v) $(r) in $(Environment.Name)"
          - task: Speak@1
            name: say
            inputs: { text: '##vso[task.setvariable variable=o;isOutput=true]8' }
  - job: after
    dependsOn: deploy
    variables:
      v: $[ dependencies.deploy.outputs['deploy.say.o'] ]
    steps:
    - checkout: none
    - script: echo after $(v)
`);
    assert.equal(run.result, 'Succeeded', fixture.lines.join('\n'));
    for (const line of [
      '[one/make] step 7 7',
      '[one/use] job 7',
      '[two/deploy] stage 7 Succeeded in live',
      '[two/after] after 8',
    ]) {
      assert.ok(said().includes(line), `${line} is missing in\n${fixture.lines.join('\n')}`);
    }
    assert.equal(run.outputs['one.make.say.version'], '7');
  });

  it('checks the sources out into a folder of the job, unless it is a deployment or says none', async () => {
    fixture.write({ 'a.txt': 'tracked', 'made/b.txt': 'ignored', '.gitignore': 'made/\n', 'node_modules/x': 'x' });
    const git = (...args: string[]): string =>
      execFileSync('git', ['-c', 'user.name=Tester', '-c', 'user.email=t@example.com', ...args], {
        cwd: fixture.sourcesDir,
        encoding: 'utf8',
      });
    git('init', '--quiet', '--initial-branch=trunk');
    git('add', 'a.txt', '.gitignore');
    git('commit', '--quiet', '-m', 'A message');
    fixture.write({ 'new.txt': 'untracked', '.gitignore': 'made/\nnode_modules/\n' });
    const list =
      'script: ls; echo $BUILD_SOURCEBRANCHNAME $BUILD_SOURCEVERSION $(Build.SourceVersionMessage); touch made-by-job';
    await fixture.run(`
jobs:
- job: with
  steps: [{ ${list} }]
- job: without
  dependsOn: with
  steps: [{ checkout: none }, { ${list} }]
- deployment: deploy
  dependsOn: without
  environment: e
  strategy: { runOnce: { deploy: { steps: [{ ${list} }] } } }
`);
    const listed = (job: string): string[] =>
      said()
        .filter(line => line.startsWith(`[${job}] `) && line.endsWith('.txt'))
        .map(line => line.slice(job.length + 3));
    assert.deepEqual(listed('with'), ['a.txt', 'new.txt']);
    assert.deepEqual(listed('without'), []);
    assert.deepEqual(listed('deploy'), []);
    assert.ok(said().includes(`[with] trunk ${git('rev-parse', 'HEAD').trim()} A message`));
    assert.ok(!existsSync(join(fixture.sourcesDir, 'made-by-job')));
  });

  it('copies a folder that is no Git work tree without what tools made', async () => {
    fixture.write({ 'a.txt': 'a', 'node_modules/b.txt': 'b', 'dist/c.txt': 'c' });
    await fixture.run('steps:\n- script: find . -name "*.txt"');
    assert.deepEqual(
      said().filter(line => line.startsWith('./')),
      ['./a.txt'],
    );
  });

  it('resolves file inputs in the job’s own sources', async () => {
    fixture.write({ 'job.yml': 'x' });
    const run = await fixture.run(`
steps:
- task: ShowEnvironment@1
  inputs: { azureConnection: my-azure, file: job.yml }
- script: node -p "JSON.parse(require('fs').readFileSync('$(Agent.TempDirectory)/environment.json')).environment.INPUT_FILE"
- script: |
    node -p "Object.keys(JSON.parse(require('fs').readFileSync('$(Agent.TempDirectory)/environment.json')).environment).includes('ENDPOINT_URL_aaaaaaaa-2222-4000-8000-000000000001')"
`);
    assert.equal(run.result, 'Succeeded', fixture.lines.join('\n'));
    assert.ok(said().some(line => line.endsWith('/1/s/job.yml')));
    assert.ok(said().includes('true'));
  });

  it('passes artifacts from job to job, whole or in part', async () => {
    const run = await fixture.run(`
jobs:
- job: make
  steps:
  - checkout: none
  - script: mkdir -p out/sub && echo one > out/one.txt && echo two > out/sub/two.md
  - publish: out
    artifact: drop
  - task: PublishPipelineArtifact@1
    inputs: { targetPath: out/one.txt, artifactName: single }
- job: use
  dependsOn: make
  steps:
  - checkout: none
  - download: current
    artifact: drop
    patterns: '**/*.md'
  - task: DownloadPipelineArtifact@2
    inputs: { artifact: single, path: $(Build.BinariesDirectory) }
  - script: cd $(Pipeline.Workspace) && find drop b -type f | sort
- deployment: deploy
  dependsOn: use
  environment: e
  strategy:
    runOnce:
      deploy:
        steps:
        - script: cd $(Pipeline.Workspace) && find drop single -type f | sort
- job: again
  dependsOn: make
  condition: always()
  steps:
  - checkout: none
  - script: echo x > x
  - publish: x
    artifact: Drop
- job: missing
  steps:
  - checkout: none
  - download: current
    artifact: nothing
`);
    const files = (job: string): string[] =>
      said()
        .filter(line => line.startsWith(`[${job}] `) && /\.(md|txt)$/.test(line))
        .map(line => line.slice(job.length + 3));
    assert.deepEqual(files('use'), ['b/one.txt', 'drop/sub/two.md']);
    assert.deepEqual(files('deploy'), ['drop/one.txt', 'drop/sub/two.md', 'single/one.txt']);
    assert.deepEqual(jobResults(run), {
      '__default.make': 'Succeeded',
      '__default.use': 'Succeeded',
      '__default.deploy': 'Succeeded',
      '__default.again': 'Failed',
      '__default.missing': 'Failed',
    });
    assert.ok(said().some(line => /Artifact Drop already exists/.test(line)));
    assert.ok(said().some(line => /Artifact nothing was not found/.test(line)));
    assert.equal(readFileSync(join(run.artifactsDir, 'drop/one.txt'), 'utf8'), 'one\n');
    assert.deepEqual(run.artifacts.map(artifact => artifact.name).sort(), ['drop', 'single']);
  });

  it('runs jobs beside one another: each waits until the other is there', async () => {
    const meet = (mine: string, other: string): string =>
      `script: 'touch $(meeting)/${mine}; until [ -e $(meeting)/${other} ]; do sleep 0.05; done'`;
    const run = await fixture.run(
      `
jobs:
- job: a
  timeoutInMinutes: 1
  steps: [{ checkout: none }, { ${meet('a', 'b')} }]
- job: b
  timeoutInMinutes: 1
  steps: [{ checkout: none }, { ${meet('b', 'a')} }]
`,
      { variables: { meeting: fixture.folder }, time: { second: 1, minute: 20_000 } },
    );
    assert.equal(run.result, 'Succeeded');
  });

  it('runs no more jobs at a time than there are agents', async () => {
    const events: PipelineEvent[] = [];
    await fixture.run(
      'jobs:\n' +
        ['a', 'b', 'c'].map(name => `- job: ${name}\n  steps: [{ checkout: none }, { script: ':' }]\n`).join(''),
      { agents: 1, onEvent: event => events.push(event) },
    );
    const jobs = events.filter(event => event.type === 'jobStarted' || event.type === 'jobFinished');
    assert.deepEqual(
      jobs.map(event => event.type),
      ['jobStarted', 'jobFinished', 'jobStarted', 'jobFinished', 'jobStarted', 'jobFinished'],
    );
  });

  it('tells each step’s start and end, with result and duration', async () => {
    const events: PipelineEvent[] = [];
    await fixture.run('steps:\n- checkout: none\n- script: exit 2\n  name: bad\n- script: echo never', {
      onEvent: event => events.push(event),
    });
    const steps = events.flatMap(event => ('step' in event ? [event] : []));
    assert.deepEqual(
      steps.map(event => [event.type, event.name, event.result]),
      [
        ['stepStarted', 'bad', undefined],
        ['stepFinished', 'bad', 'Failed'],
      ],
    );
    assert.ok((steps[1]?.seconds ?? 0) > 0);
  });

  it('tries a failing step again as often as it says, and no more', async () => {
    const run = await fixture.run(`
jobs:
- job: exit
  steps:
  - checkout: none
  - task: Flaky@1
    name: flaky
    inputs: { failures: 2 }
    retryCountOnTaskFailure: 2
- job: complete
  steps:
  - checkout: none
  - task: Flaky@1
    name: flaky
    inputs: { failures: 1, how: complete }
    retryCountOnTaskFailure: 2
- job: never
  steps:
  - checkout: none
  - task: Flaky@1
    inputs: { failures: 2 }
    retryCountOnTaskFailure: 1
`);
    assert.equal(run.outputs['__default.exit.flaky.attempts'], '3');
    assert.equal(run.outputs['__default.complete.flaky.attempts'], '2');
    assert.deepEqual(Object.values(jobResults(run)), ['Succeeded', 'Succeeded', 'Failed']);
    assert.deepEqual(
      said().filter(line => line.startsWith('[never] attempt')),
      ['[never] attempt 1', '[never] attempt 2'],
    );
  });

  it('continueOnError makes a failure an issue, for a step and for a job', async () => {
    const run = await fixture.run(`
jobs:
- job: step
  steps:
  - checkout: none
  - script: exit 1
    continueOnError: true
  - script: echo goes on
- job: whole
  continueOnError: true
  steps: [{ checkout: none }, { script: exit 1 }]
- job: after
  dependsOn: [step, whole]
  steps: [{ checkout: none }, { script: echo after }]
`);
    assert.deepEqual(jobResults(run), {
      '__default.step': 'SucceededWithIssues',
      '__default.whole': 'SucceededWithIssues',
      '__default.after': 'Succeeded',
    });
    assert.equal(run.result, 'SucceededWithIssues');
    assert.ok(said().includes('[step] goes on'));
  });

  it('lets a step set variables, PATH and the run’s number for the later ones', async () => {
    fixture.write({ 'bin/hello': '#!/bin/sh\necho hello from bin\n' });
    const run = await fixture.run(`
steps:
- script: |
    chmod +x bin/hello
    echo "##vso[task.prependpath]$PWD/bin"
    echo "##vso[task.setvariable variable=mine]set"
    echo "##vso[build.updatebuildnumber]9.9"
    echo "##vso[build.addbuildtag]tagged"
- script: hello; echo $(mine) $MINE $(Build.BuildNumber)
  env: { OTHER: $(mine) }
`);
    assert.ok(said().includes('hello from bin'), fixture.lines.join('\n'));
    assert.ok(said().includes('set set 9.9'));
    assert.equal(run.buildNumber, '9.9');
    assert.deepEqual(run.buildTags, ['tagged']);
  });

  it('shows no secret in log, files or result, and gives none to scripts that do not ask', async () => {
    const run = await fixture.run(`
variables: [{ group: shared }]
steps:
- checkout: none
- script: echo "[$KEY] [$(key)] [$MINE]" the-access-token connection-key
  env: { MINE: $(key) }
- task: Speak@1
  name: say
  inputs:
    lines: |
      ##vso[task.setvariable variable=s;isOutput=true;issecret=true]made-secret
      made-secret $(say.s)
- script: echo "$(say.s)" && exit 1
`);
    assert.ok(said().includes('[] [***] [***] *** ***'), fixture.lines.join('\n'));
    const files = readdirSync(run.runDir, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && !entry.parentPath.includes('/work/'))
      .map(entry => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
    assert.ok(files.length > 3);
    for (const text of [...files, fixture.lines.join('\n')]) {
      assert.doesNotMatch(text, /group-secret|made-secret|the-access-token|connection-key/);
    }
    assert.equal(run.outputs['__default.Job.say.s'], '***');
  });

  it('keeps a log per step, with the task’s header, and the result as JSON', async () => {
    const run = await fixture.run('steps:\n- checkout: none\n- task: Speak@1\n  inputs: { lines: said }');
    const step = Object.values(stepsOf(run))[0]!;
    const log = fixture.log(run, step);
    assert.match(log, /Task {9}: Speak\n/);
    assert.match(log, /Version {6}: 1\.2\.3\n/);
    assert.match(log, /\nsaid\n/);
    const json = JSON.parse(readFileSync(join(run.runDir, 'run.json'), 'utf8')) as { result: string };
    assert.equal(json.result, 'Succeeded');
  });

  it('script steps: folder, environment, standard error', async () => {
    fixture.write({ 'sub/x.txt': '' });
    const run = await fixture.run(`
steps:
- bash: ls
  workingDirectory: sub
- script: echo "$A" >&2
  env: { A: 'to standard error $(Build.Reason)' }
- script: echo bad >&2
  name: strict
  failOnStderr: true
- script: echo x
  name: nowhere
  condition: always()
  workingDirectory: not-there
`);
    assert.ok(said().includes('x.txt'));
    assert.ok(said().includes('to standard error Manual'));
    const steps = stepsOf(run);
    assert.match(steps['__default.Job.strict']?.issues[0]?.message ?? '', /standard error/);
    assert.match(steps['__default.Job.nowhere']?.issues[0]?.message ?? '', /not-there/);
  });

  it('knows the script tasks by their names as well', async () => {
    fixture.write({ 'say.sh': 'echo "file $1 $2"\n' });
    await fixture.run(`
steps:
- task: CmdLine@2
  inputs: { script: 'echo command $(Build.Reason)' }
- task: Bash@3
  inputs: { targetType: inline, script: 'echo inline' }
- task: Bash@3
  inputs: { filePath: say.sh, arguments: one "two three" }
`);
    assert.deepEqual(
      said().filter(line => !line.startsWith('Copied')),
      ['command Manual', 'inline', 'file one two three'],
    );
  });

  it('leaves out a step that is not enabled', async () => {
    const run = await fixture.run('steps:\n- checkout: none\n- script: echo no\n  enabled: false\n- script: echo yes');
    assert.deepEqual(said(), ['yes']);
    assert.equal(Object.keys(stepsOf(run)).length, 1);
  });

  it('numbers the runs', async () => {
    const first = await fixture.run('steps:\n- checkout: none\n- script: echo $BUILD_BUILDID');
    const second = await fixture.run('pipeline.yml');
    assert.deepEqual([first.buildId, second.buildId], [1, 2]);
    assert.deepEqual(said(), ['2']);
  });

  it('says with System.Debug what has no effect here', async () => {
    const yaml =
      'trigger: [main]\npool: { vmImage: ubuntu-latest }\nschedules: []\nsteps:\n- checkout: none\n- script: echo x';
    await fixture.run(yaml);
    assert.deepEqual(said(), ['x']);
    await fixture.run(yaml, { variables: { 'System.Debug': 'true' } });
    assert.ok(said().some(line => line.startsWith('##[debug]trigger: without effect')));
  });
});
