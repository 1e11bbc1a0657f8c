import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { LocalDescription } from '../../../local/description';
import { root } from '../../../scripts/product';

const folder = mkdtempSync(join(tmpdir(), 'guardian-command-'));

function launch(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', join(root, 'local/main.ts'), ...args], { cwd: root });
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function run(...args: string[]): Promise<Ended> {
  const child = launch(...args);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** A local Azure in the foreground until `stop`. */
async function serve(
  ...args: string[]
): Promise<{ first: string; description: LocalDescription; stop: () => Promise<Ended> }> {
  const child = launch(...args);
  const stderr = text(child.stderr!);
  const lines = createInterface(child.stdout!);
  const said: string[] = [];
  lines.on('line', line => said.push(line));
  await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  const first = said[0] ?? assert.fail(await stderr);
  return {
    first,
    description: JSON.parse(first) as LocalDescription,
    stop: async () => {
      const ended = once(child, 'exit') as Promise<[number | null]>;
      child.kill('SIGTERM');
      const [code] = await ended;
      return { code, stdout: said.join('\n'), stderr: await stderr };
    },
  };
}

describe('npm run local', function () {
  this.timeout(60_000);
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('says in one JSON line where everything is, and in a few lines for people how to go on', async () => {
    const state = join(folder, 'state');
    const requestLog = join(folder, 'requests.jsonl');
    const local = await serve('--state', state, '--request-log', requestLog);
    const { stderr, stdout, code } = await (async () => {
      assert.deepEqual(Object.keys(local.description).sort(), [
        'arm',
        'authority',
        'blob',
        'ca',
        'clientId',
        'clientSecret',
        'inference',
        'kubeconfig',
        'mlflow',
        'region',
        'resourceGroup',
        'subscriptionId',
        'tenantId',
        'workspace',
      ]);
      const second = await run('--state', state);
      assert.equal(second.code, 1);
      assert.match(second.stderr, /^The state folder .* is in use by process \d+\. .*--state.*\n$/);
      return local.stop();
    })();
    assert.equal(code, 0);
    assert.equal(stdout, local.first, 'one line on standard output');
    const lines = stderr.trim().split('\n');
    assert.ok(lines.length <= 10, stderr);
    assert.match(stderr, /http:\/\/127\.0\.0\.1:\d+/);
    for (const said of [join(state, 'environment'), requestLog, 'az login', 'docs/LOCAL_AZURE.md'])
      assert.ok(stderr.includes(said), said);
    assert.ok(!stderr.includes(local.description.clientSecret), 'the secret is for programs');

    const environment = join(state, 'environment');
    assert.equal(statSync(environment).mode & 0o777, 0o600);
    const shell = spawn('/bin/sh', ['-c', `. '${environment}'; env`], { env: {} });
    const set = await text(shell.stdout);
    for (const [name, value] of [
      ['AZURE_CLIENT_SECRET', local.description.clientSecret],
      ['MLFLOW_TRACKING_URI', local.description.mlflow],
      ['KUBECONFIG', local.description.kubeconfig],
      ['REQUESTS_CA_BUNDLE', local.description.ca],
    ])
      assert.ok(set.split('\n').includes(`${name}=${value}`), name);

    const again = await serve('--state', state);
    assert.equal(again.description.clientSecret, local.description.clientSecret, 'a second start finds its state');
    assert.equal((await again.stop()).code, 0);
  });

  it('tells with --help what it takes, on standard output', async () => {
    const { code, stdout, stderr } = await run('--help');
    assert.deepEqual([code, stderr], [0, '']);
    for (const option of ['--port', '--state', '--request-log', '--token-seconds', 'pipeline FILE', '--var', '--param'])
      assert.ok(stdout.includes(option), option);
  });

  for (const [args, problem] of [
    [['--port', 'many'], /^--port must be a whole number from 0 to 65532, not "many"\./],
    [['--port', '65533'], /^--port must be a whole number from 0 to 65532/],
    [['--token-seconds', '0'], /^--token-seconds must be a whole number from 1 to 86400/],
    [['--colour'], /^Unknown option '--colour'/],
    [['serve'], /^Unexpected argument 'serve'/],
    [['pipeline'], /^Give one pipeline file\./],
    [['pipeline', 'a.yml', '--var', 'x'], /^--var must be name=value, not "x"\./],
  ] as const) {
    it(`refuses ${args.join(' ')} in one line, with exit code 2`, async () => {
      const { code, stdout, stderr } = await run(...args);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, problem);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    });
  }

  it('names a port that is taken, and what to give instead', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    try {
      const { code, stdout, stderr } = await run('--port', String(port), '--state', join(folder, 'port'));
      assert.deepEqual([code, stdout], [1, '']);
      assert.equal(
        stderr,
        `Port ${port} on 127.0.0.1 is taken. Give another with --port: local Azure needs ${port} to ${port + 3}; 0 takes any free ones.\n`,
      );
    } finally {
      holder.close();
    }
  });

  it('says in one line when the state folder cannot be one, or is damaged', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const used = await run('--state', file);
    assert.deepEqual([used.code, used.stdout], [1, '']);
    assert.equal(used.stderr.trim().split('\n').length, 1, used.stderr);
    assert.ok(used.stderr.includes(file), used.stderr);
    const damaged = join(folder, 'damaged');
    mkdirSync(damaged);
    writeFileSync(join(damaged, 'azure.journal'), 'not a journal\n["a","b",1]\n');
    const { code, stderr } = await run('--state', damaged);
    assert.equal(code, 1);
    assert.match(stderr, /azure\.journal is damaged at line 1/);
    assert.equal(readFileSync(join(damaged, 'azure.journal'), 'utf8'), 'not a journal\n["a","b",1]\n', 'left as it is');
  });
});
