import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Frame } from 'playwright-core';
import { publishReport, type ReportContent } from '../../lib/devops/publish-report';
import { root } from '../../scripts/product';
import { AzureFixture } from '../local/azure/azure-fixture';
import { launchBrowser } from '../local/page/browser';
import { FakeHost } from '../support/fake-host';
import { TabHost, type TabPlace } from './tab-host';

const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');

const training: ReportContent = {
  task: 'SubmitTrainingJob',
  subject: 'Training job calm_river_1',
  headline: 'calm_river_1 in experiment nsfw-detector: Completed',
  metrics: [
    {
      name: 'val_accuracy',
      value: 0.93,
      history: [
        [1, 0.7],
        [2, 0.88],
        [3, 0.93],
      ],
    },
  ],
  links: [{ label: 'Job in the studio', url: 'https://ml.azure.com/runs/calm_river_1' }],
};
const model: ReportContent = {
  task: 'RegisterModel',
  subject: 'Model nsfw-detector',
  headline: 'nsfw-detector:2 <img src=x onerror=alert(1)>',
  verdict: 'fail',
  champion: 'nsfw-detector:1',
  metrics: [{ name: 'test_accuracy', value: 0.91, champion: 0.95 }],
  gates: [{ gate: 'test_accuracy >= champion', verdict: 'fail', why: 'test_accuracy is 0.91, wanted >= 0.95' }],
  record: { schemaVersion: 1, model: { name: 'nsfw-detector', version: '2' } },
};
const golden: ReportContent = {
  task: 'DeployOnlineEndpoint',
  subject: 'Golden set of nsfw-detector-endpoint',
  headline: 'm2-abc answered 10 cases',
  confusion: {
    labels: ['nsfw', 'safe'],
    counts: [
      [4, 1],
      [0, 5],
    ],
  },
};
const moves: ReportContent[] = [10, 50, 100].map((percent, at) => ({
  task: 'DeployOnlineEndpoint',
  subject: `Traffic of nsfw-detector-endpoint at revision ${at + 2}`,
  headline: '',
  traffic: {
    endpoint: 'nsfw-detector-endpoint',
    before: at === 0 ? { 'm1-aaa': 100 } : { 'm1-aaa': 90, 'm2-abc': 10 },
    after: percent === 100 ? { 'm2-abc': 100 } : { 'm1-aaa': 100 - percent, 'm2-abc': percent },
    revision: at + 2,
  },
}));

describe('the tab Guardian ML of a build', function () {
  this.timeout(120_000);
  let azure: AzureFixture;
  let browser: Browser;
  let host: TabHost;

  before(async () => {
    azure = await AzureFixture.start();
    browser = await launchBrowser();
    host = await TabHost.start(browser);
  });
  after(async () => {
    await host.stop();
    await browser.close();
    await azure.end();
  });

  /** A build whose steps attached these reports, written as the tasks write them, and other files under the same type. */
  async function buildWith(
    id: number,
    contents: ReportContent[],
    more: Record<string, string> = {},
  ): Promise<TabPlace> {
    const { builds, organization } = azure.azure.devops;
    builds.start({
      id,
      buildNumber: `20260301.${id}`,
      planId: `44444444-4444-4444-8444-${String(id).padStart(12, '0')}`,
      definition: 'train',
      sourceBranch: 'refs/heads/main',
      sourceVersion: 'a'.repeat(40),
      repositoryId: 'guardian',
    });
    const agent = new FakeHost();
    for (const content of contents) await publishReport(content, agent);
    const record = '55555555-5555-4555-8555-555555555555';
    for (const { type, name, content } of agent.attachments)
      builds.attach(id, record, type, name, Buffer.from(content));
    for (const [name, text] of Object.entries(more))
      builds.attach(id, record, 'guardian-mlops.report', name, Buffer.from(text));
    return {
      collectionUri: organization.collectionUri,
      token: azure.azure.systemAccessToken,
      project: organization.project.id,
      build: id,
    };
  }
  const textOf = (tab: Frame): Promise<string> => tab.innerText('main');

  /** What axe finds by the rules of WCAG 2.2 AA and its own best practices. */
  async function violations(tab: Frame): Promise<string[]> {
    await tab.evaluate(axe);
    return tab.evaluate(
      `axe.run().then(({ violations }) => violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))`,
    );
  }

  for (const theme of ['light', 'dark'] as const) {
    it(`shows record, metrics with curves, traffic, confusion and links, in the ${theme} theme without an obstacle`, async () => {
      const place = await buildWith(theme === 'light' ? 11 : 12, [training, model, golden, ...moves]);
      const { page, tab, problems } = await host.open(place, theme);
      assert.deepEqual(await page.evaluate('told'), [
        'initialHandshake',
        'ms.vss-features.location-service',
        'notifyLoadSucceeded',
      ]);
      const text = await textOf(tab);
      assert.match(text, /Model nsfw-detector\s+Failed/);
      assert.match(text, /test_accuracy\s+0\.91\s+0\.95\s+-0\.04/);
      assert.match(text, /nsfw-detector:2 <img src=x onerror=alert\(1\)>/, 'text of a pipeline stays text');
      assert.match(text, /revision 3\s+50 %\s+50 %/);
      assert.match(text, /before\s+100 %\s+0 %/);
      assert.ok(await tab.getByRole('img', { name: /^val_accuracy over 3 steps, from 0\.7 to 0\.93/ }).isVisible());
      assert.equal(await tab.locator('.confusion td.wrong').innerText(), '1');
      const link = tab.getByRole('link', { name: /Job in the studio/ });
      assert.equal(await link.getAttribute('href'), 'https://ml.azure.com/runs/calm_river_1');
      const ground = theme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(32, 31, 30)';
      assert.equal(await tab.evaluate('getComputedStyle(document.body).backgroundColor'), ground);
      assert.deepEqual(await violations(tab), []);
      assert.deepEqual(problems, []);
      await page.context().close();
    });
  }

  it('opens the release record with the keyboard, and leaves it open when the build goes on', async () => {
    const place = await buildWith(13, [model]);
    const { page, tab } = await host.open(place);
    const summary = tab.getByText('Release record');
    await summary.focus();
    await page.keyboard.press('Enter');
    assert.match(await tab.locator('pre').innerText(), /"version": "2"/);
    await buildOn(13);
    await page.evaluate('changeBuild()');
    await tab.getByText('Training job calm_river_1').first().waitFor();
    assert.ok((await tab.locator('details').getAttribute('open')) !== null);
    await page.context().close();
  });

  async function buildOn(id: number): Promise<void> {
    const agent = new FakeHost();
    await publishReport(training, agent);
    const [made] = agent.attachments;
    const record = '66666666-6666-4666-8666-666666666666';
    azure.azure.devops.builds.attach(id, record, made!.type, made!.name, Buffer.from(made!.content));
  }

  it('says that nothing has been reported yet', async () => {
    const { page, tab } = await host.open(await buildWith(14, []));
    assert.match(await textOf(tab), /No task of Guardian ML has reported in this run yet/);
    assert.deepEqual(await violations(tab), []);
    await page.context().close();
  });

  it('shows what can be read, and names what cannot', async () => {
    const bad = {
      'broken.json': '{',
      'later.json': '{"schemaVersion":2}',
      'odd.json': JSON.stringify({
        ...model,
        schemaVersion: 1,
        recordedAt: '2026-03-01T12:00:00Z',
        subject: 'Odd',
        gates: [null],
      }),
    };
    const { page, tab } = await host.open(await buildWith(15, [training], bad));
    const text = await textOf(tab);
    assert.match(text, /broken\.json could not be read/);
    assert.match(text, /later\.json is no report that this version of Guardian ML can show/);
    assert.match(text, /Odd cannot be shown/);
    assert.match(text, /Training job calm_river_1/);
    await page.context().close();
  });

  it('says why it has nothing to show when Azure DevOps refuses, and tries again when asked', async () => {
    const place = await buildWith(16, [training]);
    const { page, tab } = await host.open({ ...place, token: 'expired' });
    assert.match(await textOf(tab), /could not be loaded\. Azure DevOps answered 401: TF400813/);
    assert.deepEqual(await violations(tab), []);
    await tab.getByRole('button', { name: 'Try again' }).click();
    await tab.getByRole('alert').waitFor();
    assert.equal(await tab.getByRole('button').count(), 1);
    await page.context().close();
  });
});
