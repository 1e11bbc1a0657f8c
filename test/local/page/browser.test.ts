import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { until } from '../azure/azure-fixture';
import { faintTexts, obstacles } from './accessibility';
import { launchBrowser, open } from './browser';
import { PageFixture } from './page-fixture';

/** The page says so within the test's own time limit. */
async function shows(page: Page, selector: string, text: string): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor();
}

describe('page of local Azure in a browser', function () {
  this.timeout(60_000);
  let local: PageFixture;
  let browser: Browser;

  before(async () => {
    [local, browser] = await Promise.all([PageFixture.start(), launchBrowser()]);
    await local.echo.prepare();
    await local.echo.deploy('blue');
    await local.echo.deploy('green', { model: '2' });
    await local.echo.traffic({ blue: 100 });
    local.putConfig('ConfigMap', 'guardian-config', {
      NSFW_MODEL_ENDPOINT: 'https://127.0.0.1:9443/inference/echo/score',
      MODEL_ENDPOINT_KEY: 'plainly-a-key',
      LOG_LEVEL: 'info',
    });
    local.putConfig('Secret', 'guardian-config-secrets', { VIOLENCE_KEY: Buffer.from('hush').toString('base64') });
  });

  after(async () => {
    await browser.close();
    await local.end();
  });

  it('shows a running job: its log grows, its curve gets the logged points, its state changes, all without reloading', async () => {
    const job = await local.submitTalkingJob('talker');
    job.say('epoch 1\n');
    const { page, problems } = await open(browser, local.url('/jobs/talker'));
    await shows(page, '.state', 'Running');
    await shows(page, '[data-log]', 'epoch 1');
    await page.evaluate('window.isTheSameDocument = true');
    job.say('epoch 2 – größer\n');
    await shows(page, '[data-log]', 'epoch 2 – größer');
    for (const [step, loss] of [0.9, 0.5, 0.25].entries()) await local.logMetric('talker', 'loss', loss, step);
    await page.locator('figure.metric[data-points="3"]').waitFor();
    assert.equal(await page.locator('figure.metric figcaption').textContent(), 'loss 0.25');
    assert.equal(
      await page.getByRole('img', { name: /^loss/ }).getAttribute('aria-label'),
      'loss: 3 values, last 0.25, lowest 0.25, highest 0.9',
    );
    const heights = (await page.locator('figure.metric polyline').getAttribute('points'))!
      .split(' ')
      .map(place => Number(place.split(',')[1]));
    assert.ok(heights[0]! < heights[1]! && heights[1]! < heights[2]!, `a falling curve: ${heights.join(', ')}`);
    await page.getByText('Values of loss', { exact: false }).first().click();
    job.say('the end\n');
    job.end();
    await shows(page, '.state', 'Completed');
    assert.match(await page.locator('[data-log]').innerText(), /^epoch 1\nepoch 2 – größer\nthe end\n*$/);
    assert.equal(await page.locator('figure.metric details').getAttribute('open'), '', 'what was opened stays open');
    assert.equal(await page.evaluate('window.isTheSameDocument'), true);
    assert.deepEqual(problems, []);
  });

  it('shows where the traffic goes after a change, what is mirrored and what was answered', async () => {
    const { page, problems } = await open(browser, local.url('/endpoints/echo'));
    const row = (name: string): Promise<string> => page.locator('tbody tr', { hasText: name }).innerText();
    assert.match(await row('blue'), /Succeeded\s+letters:1\s+1 of 1\s+100 %\s+0 %/);
    await local.echo.traffic({ blue: 80, green: 20 });
    await shows(page, '.traffic li', '20 % green');
    await local.echo.score('hello', { 'azureml-model-deployment': 'green' });
    await shows(page, 'tbody tr:has-text("green") td', '200 1');
    await page.getByRole('link', { name: 'letters:2' }).click();
    await shows(page, 'h1', 'letters version 2');
    assert.deepEqual(problems, []);
  });

  it('shows keys of ConfigMaps and Secrets, and no value that is or may be secret', async () => {
    const { page } = await open(browser, local.url('/config'));
    const text = await page.locator('main').innerText();
    assert.match(text, /NSFW_MODEL_ENDPOINT\s+https:\/\/127\.0\.0\.1:9443\/inference\/echo\/score/);
    assert.match(text, /LOG_LEVEL\s+info/);
    assert.match(text, /MODEL_ENDPOINT_KEY\s+hidden/);
    assert.match(text, /VIOLENCE_KEY\s+hidden/);
    assert.doesNotMatch(text, /plainly-a-key|hush/);
  });

  it('takes names, logs, tags and metrics for text, whatever they look like', async () => {
    const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>"\'';
    const job = await local.submitTalkingJob('evil', evil);
    job.say(`${evil}\n</pre><script>window.hacked=3</script>\n`);
    await local.azure.jobIn('evil', 'Running');
    const { page, problems } = await open(browser, local.url('/jobs/evil'));
    await shows(page, '[data-log]', '</pre><script>window.hacked=3</script>');
    job.say(`again ${evil}\n`);
    await shows(page, '[data-log]', `again ${evil}`);
    assert.equal(await page.locator('h1').innerText(), evil);
    assert.equal(await page.locator('.pairs li').textContent(), `note ${evil}`);
    assert.equal(await page.title(), `${evil} · Local Azure`);
    await page.goto(local.url('/jobs'));
    await shows(page, 'th a', evil);
    assert.equal(await page.evaluate('window.hacked'), undefined);
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.deepEqual(problems, []);
    job.end();
  });

  it('is used with the keyboard: to the content, through the sections, and the focus stays where it was when the page changes', async () => {
    const { page } = await open(browser, local.url('/jobs'));
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'content');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<string>('document.activeElement.getAttribute("href")');
    assert.match(focused, /^\/jobs\//);
    const job = await local.submitTalkingJob('later');
    await shows(page, 'th a', 'later');
    assert.notEqual(await page.evaluate('document.activeElement'), 'body');
    job.end();
    await page.goto(local.url('/'));
    const sections = page.getByRole('navigation', { name: 'Sections' });
    await sections.getByRole('link', { name: 'Models' }).focus();
    const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    assert.notEqual(outline, 'none', 'the focus is seen');
    await page.keyboard.press('Enter');
    await shows(page, 'h1', 'Models');
    assert.equal(await sections.getByRole('link', { name: 'Models' }).getAttribute('aria-current'), 'page');
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`can be read and heard on every page, ${colorScheme}, wide and narrow`, async () => {
      const { page, problems } = await open(browser, local.url('/'), { colorScheme });
      const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      assert.equal(/\((\d+)/.exec(background)?.[1]?.length === 2, colorScheme === 'dark', background);
      for (const path of [
        '/',
        '/jobs',
        '/jobs/talker',
        '/models',
        '/models/letters',
        '/models/letters/2',
        '/endpoints',
        '/endpoints/echo',
        '/config',
        '/computes',
        '/requests',
        '/nowhere',
      ]) {
        for (const width of [1280, 360]) {
          await page.setViewportSize({ width, height: 800 });
          await page.goto(local.url(path));
          assert.deepEqual(await obstacles(page), [], `${path} at ${width}`);
          assert.deepEqual(await faintTexts(page), [], `${path} at ${width}`);
        }
      }
      assert.deepEqual(
        problems.filter(problem => !problem.includes('404')),
        [],
      );
    });
  }

  it('says so when local Azure no longer answers', async () => {
    const { page } = await open(browser, local.url('/computes'));
    await page.context().setOffline(true);
    await shows(page, '#live', 'does not answer');
    await page.context().setOffline(false);
    await until(async () => ((await page.locator('#live').innerText()) === '' ? true : undefined));
    assert.equal(await page.locator('h1').innerText(), 'Computes');
  });
});
