import assert from 'node:assert/strict';
import type { WorkspaceRequest } from '../../../lib/azureml/workspace';
import { jobFailure } from '../../../tasks/SubmitTrainingJob/job-failure';
import { JobLog } from '../../../tasks/SubmitTrainingJob/job-log';
import { FakeHost } from '../../support/fake-host';
import { FakeWorkspace } from './submit-fake-workspace';

interface Run {
  runId: string;
  displayName: string;
  status: string;
  runType?: string;
  startTimeUtc: string | null;
}

describe('the log of a job with steps', () => {
  let host: FakeHost;
  let runs: Record<string, Run[]>;
  let log: JobLog;

  beforeEach(() => {
    host = new FakeHost();
    runs = {};
    const { workspace } = new FakeWorkspace();
    const details = (run: string) => ({
      status: 'x',
      logFiles: {},
      warnings: run === 'pipe' ? [] : [{ message: `warning of ${run}` }],
      error: { error: { code: 'UserError', message: `${run} went wrong` } },
    });
    const send = ({ path }: WorkspaceRequest) => {
      const [, run = '', what] = /\/runs\/([^/?]+)\/(children|details)/.exec(path) ?? [];
      if (what === undefined) throw new Error(`unexpected ${path}`);
      const body = what === 'children' ? { value: runs[run] ?? [] } : details(run);
      return Promise.resolve({ status: 200, body, header: () => undefined });
    };
    const job = { name: 'pipe', type: 'Pipeline', status: 'Running', experimentName: 'e', tags: {}, inputs: {} };
    log = new JobLog(
      { ...workspace, send },
      { ...job, outputs: {}, properties: {}, studioUrl: undefined },
      false,
      host,
    );
  });

  const step = (runId: string, displayName: string, status: string, startTimeUtc: string | null = null): Run => ({
    runId,
    displayName,
    status,
    startTimeUtc,
  });

  it('names each step and each change of its state once, in the order of their beginnings', async () => {
    runs['pipe'] = [step('s2', 'train', 'NotStarted'), step('s1', 'prepare', 'Running', '2026-01-01T00:00:00Z')];
    await log.printNew();
    await log.printNew();
    runs['pipe'] = [
      step('s2', 'train', 'Running', '2026-01-01T00:01:00Z'),
      step('s1', 'prepare', 'Completed', '2026-01-01T00:00:00Z'),
    ];
    await log.printNew();
    assert.deepEqual(host.lines, [
      'Step prepare is Running.',
      'Step train is NotStarted.',
      'Step prepare is Completed.',
      'Step train is Running.',
    ]);
    assert.deepEqual(log.steps, ['s1', 's2']);
  });

  it('reads a step no more once it has ended', async () => {
    runs['pipe'] = [step('s1', 'prepare', 'Completed')];
    await log.printNew();
    runs['pipe'] = [step('s1', 'prepare', 'Completed')];
    await log.printNew();
    assert.deepEqual(host.warnings, ['warning of s1']);
  });

  it('explains a failure by the step that failed, also inside a step that is a pipeline', async () => {
    runs['pipe'] = [{ ...step('s1', 'inner', 'Failed'), runType: 'azureml.PipelineRun' }];
    runs['s1'] = [step('s2', 'one', 'Completed'), step('s3', 'two', 'Failed')];
    await log.finish();
    assert.match(
      jobFailure('pipe', 'Failed', log).message,
      /Job pipe ended Failed\. inner\/two \(s3\) failed\. The service says UserError: s3 went wrong/,
    );
  });
});
