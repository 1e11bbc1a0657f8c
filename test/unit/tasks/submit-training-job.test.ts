import assert from 'node:assert/strict';
import type { JobBody } from '../../../tasks/SubmitTrainingJob/job-body/job-body';
import { TaskError } from '../../../lib/task-error';
import { followJob, type FollowOptions } from '../../../tasks/SubmitTrainingJob/follow-job';
import { jobFailure } from '../../../tasks/SubmitTrainingJob/job-failure';
import { submitOnce } from '../../../tasks/SubmitTrainingJob/submit-once';
import { FakeHost } from '../../support/fake-host';
import { failed, FakeWorkspace } from './submit-fake-workspace';

const body: JobBody = {
  jobType: 'Command',
  command: 'x',
  environmentId: 'e',
  experimentName: 'NSFW Detection',
  tags: {},
  properties: {},
};
const build = { 'System.TeamProjectId': 'p', 'Build.BuildId': '7', 'System.StageName': 'train' };

describe('submitting a job', () => {
  let fake: FakeWorkspace;
  beforeEach(() => (fake = new FakeWorkspace()));
  const submit = (variables: Record<string, string> = build, job = body) =>
    submitOnce(job, 'never', fake.workspace, new FakeHost({ variables }));

  it('names it after experiment and fingerprint, and tags where it comes from', async () => {
    const { name } = await submit({
      ...build,
      'Build.SourceVersion': 'abc',
      'Build.SourceBranch': 'refs/heads/main',
      'Build.Repository.Uri': 'https://user:token@example.org/r.git',
    });
    assert.match(name, /^nsfw-detection-[0-9a-f]{10}-1$/);
    const { tags, properties } = fake.jobs.get(name)!.properties as {
      tags: Record<string, string>;
      properties: Record<string, string>;
    };
    assert.equal(tags['guardian.build'], '7');
    assert.equal(tags['guardian.commit'], 'abc');
    assert.equal(tags['guardian.repository'], 'https://example.org/r.git');
    assert.match(tags['guardian.fingerprint']!, /^[0-9a-f]{64}$/);
    assert.equal(properties['azureml.git.branch'], 'main');
  });

  it('sends where its data lies', async () => {
    // The SDK's serializer (2.1.1) drops `uri` from asset inputs: a job would start without its data.
    const inputs = {
      data: { jobInputType: 'uri_folder', uri: 'azureml://datastores/d/paths/x/', mode: 'Download' },
    } as const;
    const { name } = await submit(build, { ...body, inputs });
    assert.deepEqual(fake.jobs.get(name)!.properties['inputs'], inputs);
  });

  it('finds the job of an earlier attempt, running or completed, and submits no other', async () => {
    for (const status of ['Running', 'Completed']) {
      fake = new FakeWorkspace();
      const first = await submit();
      fake.jobs.get(first.name)!.statuses = [status];
      assert.equal((await submit()).name, first.name);
      assert.deepEqual(fake.writes, [`job ${first.name}`]);
    }
  });

  it('tells two releases of one build apart', async () => {
    const release = (id: string): Promise<{ name: string }> => submit({ ...build, 'Release.ReleaseId': id });
    const names = await Promise.all([release('1'), release('2'), release('1')].map(async job => (await job).name));
    assert.equal(names[0], names[2]);
    assert.notEqual(names[0], names[1]);
  });

  it('takes the next ordinal after a try that failed, was cancelled or was lost', async () => {
    const names: string[] = [];
    for (const status of ['Failed', 'Canceled', 'NotResponding', 'Running']) {
      const { name } = await submit();
      names.push(name);
      fake.jobs.get(name)!.statuses = [status];
    }
    assert.deepEqual(
      names.map(name => name.split('-').at(-1)),
      ['1', '2', '3', '4'],
    );
    assert.equal((await submit()).name, names[3]);
  });

  it('makes another job for another build, stage or content, and outside of a pipeline for each call', async () => {
    const names = [
      await submit(),
      await submit({ ...build, 'Build.BuildId': '8' }),
      await submit({ ...build, 'System.StageName': 'other' }),
      await submit(build, { ...body, command: 'y' }),
      await submit({}),
      await submit({}),
    ].map(job => job.name);
    assert.equal(new Set(names).size, names.length);
  });
});

describe('following a job', () => {
  let fake: FakeWorkspace;
  let host: FakeHost;
  beforeEach(() => {
    fake = new FakeWorkspace();
    host = new FakeHost({ variables: build });
  });
  const follow = async (course: (string | Error)[], options: Partial<FollowOptions> = {}) => {
    fake.course = course;
    const job = await submitOnce(body, 'never', fake.workspace, host);
    return followJob(fake.workspace, job, { timeoutMinutes: 0, onCancel: 'cancel', quiet: false, ...options }, host);
  };

  for (const status of ['Completed', 'Failed', 'Canceled', 'NotResponding', 'Paused']) {
    it(`ends at ${status}`, async () => {
      const { job } = await follow(['NotStarted', 'Running', status]);
      assert.equal(job.status, status);
    });
  }

  it('goes on through every other status, and tells each change once', async () => {
    const course = [
      'NotStarted',
      'Starting',
      'Provisioning',
      'Preparing',
      'Queued',
      'Queued',
      'Running',
      'Finalizing',
      'CancelRequested',
      'Completed',
    ];
    await follow(course);
    const told = host.lines.flatMap(line => /^Job \S+ is (\w+)\.$/.exec(line)?.[1] ?? []);
    assert.deepEqual(told, [...new Set(course)]);
    const percents = host.progressed.map(item => item.percent);
    assert.deepEqual(
      percents,
      [...percents].sort((a, b) => a - b),
    );
  });

  it('waits on while the status cannot be read, says so once, and reports no end', async () => {
    const { job } = await follow(['Running', 'Running', failed(503), failed(500), failed(429), 'Unknown', 'Completed']);
    assert.equal(job.status, 'Completed');
    assert.equal(host.warnings.filter(text => text.includes('cannot be read at the moment')).length, 1);
  });

  it('gives up when it cannot be read for ten minutes, and says that the job may still run', async () => {
    await assert.rejects(follow(['Running', 'Running', failed(503)]), /Lost sight of job .*may still run.*follow it/);
    assert.deepEqual(
      fake.writes.filter(write => write.startsWith('cancel')),
      [],
    );
  });

  it('fails at once when the permission is gone', async () => {
    await assert.rejects(follow(['Running', 'Running', failed(403)]), { errorCode: 'GuardianForbidden' });
  });

  it('cancels the job with the pipeline and sees it end', async () => {
    host.onSleep = () => host.cancel();
    await assert.rejects(follow(['Running']));
    assert.match(fake.writes.at(-1)!, /^cancel /);
    assert.match(host.lines.at(-1)!, /was cancelled\.$/);
  });

  it('leaves the job running when told so', async () => {
    host.onSleep = () => host.cancel();
    await assert.rejects(follow(['Running'], { onCancel: 'leave' }));
    assert.match(host.lines.at(-1)!, /goes on, as onCancel says/);
    assert.equal(fake.writes.length, 1);
  });

  it('cancels the job when its time is up', async () => {
    await assert.rejects(follow(['Running'], { timeoutMinutes: 5 }), {
      errorCode: 'GuardianTimeout',
      message: /did not end within 5 minutes \(timeoutInMinutes\)/,
    });
    assert.match(fake.writes.at(-1)!, /^cancel /);
  });
});

describe('the failure of a job', () => {
  const failure = (
    status: string,
    tail: string[],
    message = "User process 'python' exited with status code 1",
  ): TaskError =>
    jobFailure('j-1', status, {
      details: {
        status,
        logFiles: {},
        warnings: [],
        error: {
          code: 'UserError',
          message: `${message}. Please check log file 'user_logs/std_log.txt' for error details. Error: again`,
        },
      },
      tail,
    });

  for (const [tail, hint] of [
    ["ModuleNotFoundError: No module named 'mlflow'", /package is missing/],
    ['torch.cuda.OutOfMemoryError: CUDA out of memory', /ran out of memory/],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'x'", /path is wrong/],
    ['ValueError: bad data', /run the stage again/],
  ] as const) {
    it(`explains "${tail}"`, () => {
      const { message, errorCode } = failure('Failed', ['epoch 1', tail]);
      assert.equal(errorCode, 'GuardianJobFailed');
      assert.match(message, /^Job j-1 ended Failed\. The service says UserError: .*status code 1/);
      assert.match(message, hint);
      assert.equal(message.split(tail).length, 2, 'the log is quoted once');
    });
  }

  it('says what to do after other ends', () => {
    assert.match(failure('Canceled', []).message, /cancelled it outside this pipeline.*limits\.timeout/);
    assert.match(failure('NotResponding', []).message, /node was lost/);
    assert.match(failure('Paused', []).message, /resume it/);
  });
});
