import assert from 'node:assert/strict';
import { request } from 'node:http';
import { PageFixture } from './page-fixture';

describe('page of local Azure', function () {
  this.timeout(30_000);
  let local: PageFixture;

  before(async () => {
    local = await PageFixture.start();
    await local.echo.prepare();
    local.putConfig('ConfigMap', 'guardian-config', {
      MODEL_ENDPOINT_KEY: await local.echo.key(),
      UNNAMED: await local.echo.key(),
    });
    local.putConfig('Secret', 'guardian-config-secrets', {
      KEY: Buffer.from(await local.echo.key()).toString('base64'),
    });
    // Not by the official client, which leaves out the address of an input.
    const job = await local.azure.commandJob('echo "$AZUREML_RUN_ID works"', {
      environmentVariables: { APP_PASSWORD: 'not-for-the-page' },
    });
    const uri = 'https://example.com/data.csv?sig=not-for-the-page';
    const inputs = { data: { jobInputType: 'uri_file', uri, mode: 'Direct' } };
    const submitted = await local.azure.call('PUT', `${local.azure.workspaceId}/jobs/prints?api-version=2023-10-01`, {
      token: await local.azure.token(),
      body: { properties: { ...job.properties, inputs } },
    });
    assert.equal(submitted.status, 201, submitted.text);
    await local.azure.endOf('prints');
  });

  after(() => local.end());

  it('never shows a secret, wherever one goes on it', async () => {
    const { azure } = local.azure;
    const blobKey = await local.azure.client().datastores.listSecrets(...local.azure.names, 'workspaceblobstore');
    const secrets = [
      azure.description.clientSecret,
      azure.noAccess.clientSecret,
      azure.systemAccessToken,
      await local.echo.key(),
      Buffer.from(await local.echo.key()).toString('base64'),
      (blobKey as { key?: string }).key,
      'not-for-the-page',
    ].map(secret => secret ?? assert.fail('a secret is missing'));
    const seen = new Set<string>();
    const waiting = ['/'];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      seen.add(path);
      const answer = await fetch(local.url(path));
      assert.equal(answer.status, 200, path);
      const text = await answer.text();
      for (const secret of secrets) assert.ok(!text.includes(secret), `${path} shows a secret`);
      for (const [, link = ''] of text.matchAll(/ (?:href|data-log)="(\/[^"#]*)/g)) {
        const next = link.replaceAll('&amp;', '&');
        if (!seen.has(next) && !waiting.includes(next)) waiting.push(next);
      }
    }
    const visited = [...seen].join('\n');
    for (const path of [
      '/jobs/prints',
      '/models/letters/1',
      '/endpoints/echo',
      '/config?namespace=guardian',
      '/requests',
    ])
      assert.match(visited, new RegExp(`^${path.replace('?', '\\?')}$`, 'm'));
  });

  it('answers reads from this machine alone, and lets nothing of others in', async () => {
    assert.equal((await fetch(local.url('/jobs/prints'), { method: 'DELETE' })).status, 405);
    assert.equal((await fetch(local.url('/jobs'), { method: 'POST', body: '{}' })).status, 405);
    assert.equal(await statusFor(local.url('/'), 'rebound.example.com'), 403);
    assert.equal(await statusFor(local.url('/'), 'localhost'), 200);
    const { headers } = await fetch(local.url('/'));
    assert.match(
      headers.get('content-security-policy') ?? '',
      /default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    assert.equal(headers.get('access-control-allow-origin'), null);
    const text = await (await fetch(local.url('/'))).text();
    assert.doesNotMatch(text.replace(/<code>.*?<\/code>/gs, ''), /https?:\/\//, 'nothing is loaded from elsewhere');
  });

  it('answers 304 to who has it already, 404 for what is not there', async () => {
    const first = await fetch(local.url('/models'));
    const again = await fetch(local.url('/models'), { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
    assert.equal(again.status, 304);
    for (const path of [
      '/jobs/none',
      '/models/none',
      '/models/letters/9',
      '/endpoints/none',
      '/none',
      '/jobs/prints/log?path=outputs/x',
      '/jobs/prints/log?path=user_logs/../../x',
    ])
      assert.equal((await fetch(local.url(path))).status, 404, path);
  });

  it('gives a log in parts and as a whole', async () => {
    const log = local.url('/jobs/prints/log?path=user_logs/std_log.txt');
    assert.equal(await (await fetch(`${log}&whole=true`)).text(), 'prints works\n');
    const part = await fetch(`${log}&from=7`);
    assert.equal(await part.text(), 'works\n');
    assert.equal(part.headers.get('x-next'), '13');
    assert.equal(await (await fetch(`${log}&from=13`)).text(), '');
    assert.match(part.headers.get('content-type') ?? '', /^text\/plain/);
  });
});

/** The status of a GET with this Host header. */
function statusFor(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, answer => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
}
