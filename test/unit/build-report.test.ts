import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { publishReport } from '../../lib/devops/publish-report';
import { bounded, reportLimits, reportLink, type BuildReport } from '../../lib/release/build-report';
import { buildReport, schemaFile, schemaText } from '../../scripts/build-report';
import { FakeHost } from '../support/fake-host';

const report: BuildReport = {
  schemaVersion: 1,
  task: 'RegisterModel',
  subject: 'Model nsfw-detector',
  headline: 'nsfw-detector:3 is registered',
  recordedAt: '2026-03-01T12:00:00.000Z',
};

function check(value: unknown): BuildReport {
  const parsed = buildReport.safeParse(value);
  assert.ok(parsed.success, parsed.success ? '' : z.prettifyError(parsed.error));
  return value as BuildReport;
}

describe('a report for the tab and the pull request', () => {
  it('has a schema in docs/ that scripts/build-report.ts wrote', () =>
    assert.equal(readFileSync(schemaFile, 'utf8'), schemaText(), 'run npx tsx scripts/build-report.ts'));

  it('stays within its limits whatever a pipeline has to say, and keeps the ends of its curves', () => {
    const long = 'x'.repeat(5000);
    const many = Array.from({ length: 500 }, (_, at) => at);
    const { metrics, record, confusion } = check(
      bounded({
        ...report,
        headline: long,
        facts: many.map(at => ({ name: `${at}`, value: long })),
        metrics: many.map(at => ({ name: `m${at}`, value: at, history: many.map(step => [step, step / 2] as const) })),
        gates: many.map(() => ({ gate: long, verdict: 'pass' as const, why: long })),
        confusion: { labels: many.map(String), counts: many.map(() => many) },
        record: { schemaVersion: 1, text: 'x'.repeat(100_000) },
      }),
    );
    assert.equal(metrics?.length, reportLimits.metrics);
    const history = metrics[0]?.history ?? [];
    assert.equal(history.length, reportLimits.points);
    assert.deepEqual(
      [history[0], history.at(-1)],
      [
        [0, 0],
        [499, 249.5],
      ],
    );
    assert.deepEqual([record, confusion], [undefined, undefined], 'what would be cut in the middle is left out');
  });

  it('leaves out what is no number, and curves of one point', () => {
    const { metrics } = check(
      bounded({
        ...report,
        metrics: [
          { name: 'loss', value: NaN },
          { name: 'acc', value: 0.9, champion: Infinity, history: [[1, 0.9]] },
        ],
      }),
    );
    assert.deepEqual(metrics, [{ name: 'acc', value: 0.9 }]);
  });

  it('links to the web only, and to nothing that is signed', () => {
    assert.equal(reportLink('studio', 'https://ml.azure.com/runs/a?wsid=/subscriptions/1').length, 1);
    for (const url of [undefined, 'javascript:alert(1)', 'http://x', 'https://a.blob.core.windows.net/b?sv=1&sig=2'])
      assert.deepEqual(reportLink('x', url), []);
  });

  it('is a warning, and no more, when the agent does not take it', async () => {
    const host = new FakeHost();
    host.attach = () => Promise.reject(new Error('the disk is full'));
    const { task, subject, headline } = report;
    await publishReport({ task, subject, headline }, host);
    assert.deepEqual(host.warnings, ['the disk is full']);
  });
});
