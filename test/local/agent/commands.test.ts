import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskRun } from '../../../local/agent/run-task';
import { TaskFixture } from './task-fixture';

const errors = (run: TaskRun): string[] => run.issues.filter(item => item.type === 'error').map(item => item.message);
const warnings = (run: TaskRun): string[] =>
  run.issues.filter(item => item.type === 'warning').map(item => item.message);

describe('logging commands', () => {
  let fixture: TaskFixture;
  before(() => (fixture = new TaskFixture()));
  after(() => fixture.dispose());

  it('shows other lines as they are and hides the commands', async () => {
    const run = await fixture.speak(['plain', '##[group]A', 'lost before ##vso[task.debug]x', '##[endgroup]']);
    assert.deepEqual(run.lines, ['plain', '##[group]A', '##[endgroup]']);
    assert.equal(run.result, 'Succeeded');
  });

  it('reads commands on standard error as well', async () => {
    const run = await fixture.run('Speak', { errorLines: '##vso[task.setvariable variable=a]1\nseen' });
    assert.equal(run.variables['a'], '1');
    assert.deepEqual(run.lines, ['seen']);
  });

  it('decodes escapes in data and properties', async () => {
    const run = await fixture.speak(['##vso[task.setvariable variable=a%5Db%3B;]1%0A2%0D3 50%AZP25%3B']);
    assert.equal(run.variables['a]b;'], '1\n2\r3 50%;');
  });

  it('ignores the case of area, event and property names', async () => {
    const run = await fixture.speak(['##VSO[task.setvariable variable=a]1', '##vso[Task.SetVariable Variable=b]2']);
    assert.deepEqual(Object.keys(run.variables), ['b']);
    assert.match(run.lines[0] ?? '', /##VSO/);
  });

  const failing: Record<string, [string, RegExp]> = {
    'an unknown event': ['##vso[task.frobnicate]x', /not a recognized command/],
    'an event that agents have and this one has not': [
      '##vso[results.publish type=JUnit]x',
      /not a recognized command/,
    ],
    'a result that is none': ['##vso[task.complete result=Cancelled]x', /valid result value/],
    'a result in other case': ['##vso[task.complete result=failed]x', /valid result value/],
    'a variable without a name': ['##vso[task.setvariable]x', /variable/],
    'a secret of two lines': ['##vso[task.setvariable variable=a;issecret=true]x%0Ay', /multiple lines/],
    'an attachment that is not there': ['##vso[task.addattachment type=t;name=n]/nowhere', /does not exist on disk/],
    'an attachment with a path in its name': ['##vso[task.addattachment type=t;name=a/b]/etc/hosts', /invalid char/],
    'an attachment without a type': ['##vso[task.addattachment name=n]/etc/hosts', /type is not provided/],
    'a summary without a file': ['##vso[task.uploadsummary]', /not specified/],
    'a summary that is not there': ['##vso[task.uploadsummary]/nowhere.md', /does not exist on disk/],
    'a detail without an id': ['##vso[task.logdetail name=a;type=b]', /record id is not provided/],
    'a new detail without a name': [
      '##vso[task.logdetail id=11111111-0000-4000-8000-00000000000a;type=b]',
      /Name is required/,
    ],
    'a build tag that is empty': ['##vso[build.addbuildtag] ', /tag is required/],
    'an artifact without a name': ['##vso[artifact.upload]/etc/hosts', /Name is required/],
    'an artifact that is not there': ['##vso[artifact.upload artifactname=a]/nowhere', /does not exist/],
    'an artifact with a bad name': ['##vso[artifact.upload artifactname=a/b]/etc/hosts', /not valid/],
    'a connection that the job has not': [
      '##vso[task.setendpoint id=11111111-0000-4000-8000-00000000000b;field=url]https://x/',
      /not declared/,
    ],
  };
  for (const [what, [line, message]] of Object.entries(failing)) {
    it(`${what} fails the step and says why`, async () => {
      const run = await fixture.speak([line, 'goes on']);
      assert.equal(run.result, 'Failed');
      assert.equal(run.exitCode, 0);
      assert.match(errors(run).join('\n'), message);
      assert.ok(run.lines.includes('goes on'));
    });
  }

  const warning: Record<string, [string, RegExp]> = {
    'an unknown area': ['##vso[tusk.debug]x', /Cannot find command extension/],
    'a broken command': ['##vso[task.setvariable variable=a', /not a legal command/],
    'three parts': ['##vso[task.set.variable]x', /not a legal command/],
    'an issue without a type': ['##vso[task.logissue]x', /Can't create TaskIssue/],
    'the system connection changed': [
      '##vso[task.setendpoint id=00000000-0000-0000-0000-000000000000;field=url]https://x/',
      /not allowed/,
    ],
  };
  for (const [what, [line, message]] of Object.entries(warning)) {
    it(`${what} is a warning only`, async () => {
      const run = await fixture.speak([line]);
      assert.equal(run.result, 'Succeeded');
      assert.match(warnings(run).join('\n'), message);
    });
  }

  it('keeps ten errors and ten warnings, and all of them in the log', async () => {
    const lines = Array.from({ length: 12 }, (_, index) => [
      `##vso[task.logissue type=error]e${index}`,
      `##vso[task.issue type=warning]w${index}`,
    ]).flat();
    const run = await fixture.speak(lines);
    assert.equal(errors(run).length, 10);
    assert.equal(warnings(run).length, 10);
    assert.equal(run.lines.filter(line => line.startsWith('##[error]e')).length, 12);
    assert.equal(run.result, 'Succeeded');
  });

  it('keeps what an issue says about its place', async () => {
    const run = await fixture.speak(['##vso[task.logissue type=error;sourcepath=a.ts;linenumber=3;code=X1]bad']);
    assert.deepEqual(run.issues, [
      { type: 'error', message: 'bad', data: { sourcepath: 'a.ts', linenumber: '3', code: 'X1' } },
    ]);
  });

  it('merges results to the worst', async () => {
    const complete = (result: string): string => `##vso[task.complete result=${result}]`;
    const cases: [string[], string][] = [
      [['Succeeded', 'SucceededWithIssues'], 'SucceededWithIssues'],
      [['Failed', 'Succeeded'], 'Failed'],
      [['Skipped', 'Failed'], 'Skipped'],
      [['SucceededWithIssues'], 'SucceededWithIssues'],
    ];
    for (const [results, expected] of cases) {
      assert.equal((await fixture.speak(results.map(complete))).result, expected, results.join());
    }
  });

  it('an exit code other than 0 fails the step with an error of its own, whatever it reported', async () => {
    const run = await fixture.run('Speak', { lines: '##vso[task.complete result=Succeeded]done', exitCode: '3' });
    assert.equal(run.result, 'Failed');
    assert.equal(run.exitCode, 3);
    assert.match(errors(run)[0] ?? '', /Exit code 3 returned from process/);
  });

  it('progress never goes back and stays within 0 and 100', async () => {
    const progress = (value: string): string => `##vso[task.setprogress value=${value}]x`;
    assert.equal((await fixture.speak([progress('40'), progress('10')])).progress, 40);
    assert.equal((await fixture.speak([progress('400')])).progress, 100);
    assert.equal((await fixture.speak([progress('abc')])).progress, 0);
  });

  describe('variables', () => {
    it('an output exists under the step’s name only, and cannot be changed silently', async () => {
      const run = await fixture.speak([
        '##vso[task.setvariable variable=a;isOutput=true]1',
        '##vso[task.setvariable variable=Speak.a]2',
      ]);
      assert.deepEqual(run.outputs, { a: '1' });
      assert.deepEqual(run.variables, { 'Speak.a': '2' });
      assert.match(warnings(run)[0] ?? '', /readonly variable 'Speak.a'/);
    });

    it('a name in the task’s outputVariables is an output without saying so', async () => {
      const run = await fixture.speak(['##vso[task.setvariable variable=Spoken]1']);
      assert.deepEqual(run.outputs, { Spoken: '1' });
    });

    it('overwriting a read-only variable fails when the pipeline asks for that', async () => {
      const run = await fixture.speak(['##vso[task.setvariable variable=Build.BuildId]7'], {
        variables: [{ name: 'agent.readOnlyVariables', value: 'true' }],
      });
      assert.equal(run.result, 'Failed');
      assert.match(errors(run).join('\n'), /not permitted/);
    });

    it('a secret is masked from the next line on', async () => {
      const run = await fixture.speak([
        'before s3cr3t-1',
        '##vso[task.setvariable variable=a;issecret=true]s3cr3t-1',
        'after s3cr3t-1',
        '##vso[task.setsecret]s3cr3t-2',
        'and s3cr3t-2s3cr3t-1',
      ]);
      assert.deepEqual(run.lines, ['before s3cr3t-1', 'after ***', 'and ***']);
    });
  });

  it('debug lines show with System.Debug only', async () => {
    const lines = ['##vso[task.debug]why', '##vso[task.setprogress value=1]x'];
    assert.deepEqual((await fixture.speak(lines)).lines, []);
    const debug = await fixture.speak(lines, { variables: [{ name: 'System.Debug', value: 'true' }] });
    assert.ok(debug.lines.includes('##[debug]why'));
    assert.ok(debug.lines.includes('##[debug]Processed: ##vso[task.setprogress value=1]x'));
  });

  it('keeps summaries, attachments, artifacts and build tags', async () => {
    const folder = join(fixture.folder, 'files');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    writeFileSync(join(folder, 'summary.md'), '# Hello\n');
    writeFileSync(join(folder, 'sub', 'b.txt'), 'b');
    mkdirSync(join(folder, 'empty'), { recursive: true });
    const recordsDir = join(fixture.folder, 'records');
    const run = await fixture.speak(
      [
        `##vso[task.uploadsummary]${join(folder, 'summary.md')}`,
        `##vso[task.addattachment type=t;name=n]${join(folder, 'summary.md')}`,
        `##vso[task.uploadfile]${join(folder, 'summary.md')}`,
        `##vso[artifact.upload artifactname=drop]${folder}`,
        `##vso[artifact.upload artifactname=drop;containerfolder=more]${join(folder, 'summary.md')}`,
        `##vso[artifact.upload artifactname=none]${join(folder, 'empty')}`,
        '##vso[build.addbuildtag] model ',
        '##vso[build.addbuildtag]Model',
      ],
      { recordsDir },
    );
    assert.equal(run.result, 'Succeeded', run.lines.join('\n'));
    assert.deepEqual(run.summaries, ['# Hello\n']);
    assert.deepEqual(run.buildTags, ['model']);
    assert.deepEqual(run.artifacts, [{ name: 'drop', path: join(recordsDir, 'artifacts/drop') }]);
    assert.equal(readFileSync(join(recordsDir, 'artifacts/drop/sub/b.txt'), 'utf8'), 'b');
    assert.ok(existsSync(join(recordsDir, 'artifacts/drop/more/summary.md')));
    assert.ok(existsSync(join(recordsDir, 'attachments/Speak/t/n')));
    assert.match(warnings(run)[0] ?? '', /is empty/);
  });

  it('artifacts do not work in a release', async () => {
    const run = await fixture.speak(['##vso[artifact.upload artifactname=a]/etc/hosts'], {
      variables: [{ name: 'System.HostType', value: 'release' }],
    });
    assert.equal(run.result, 'Failed');
    assert.match(errors(run).join('\n'), /not supported in release/);
  });
});
