import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { startLocalCloud, type LocalCloud, type LocalCloudOptions } from './cloud';
import { greeting } from './command/greeting';
import { writeShellEnvironment } from './command/shell-environment';
import { startFailure, usage, UsageError, wholeNumber } from './command/usage';
import type { PipelineRun, RunOptions } from './pipeline/run-pipeline';
import { localProject, workspaceOf } from './project';

const root = resolve(__dirname, '..');
const defaultState = resolve('.local', 'state');

/** What every start here has in common: slow things are kept where the repository keeps them, names are the project's own. */
function surroundings(): Pick<LocalCloudOptions, 'cacheDir' | 'workspace' | 'log'> {
  const workspace = workspaceOf(process.cwd());
  return { cacheDir: join(root, '.local', 'cache'), log, ...(workspace ? { workspace } : {}) };
}

/** People read the log on standard error; standard output is for programs. */
function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Aborted by the first SIGTERM or SIGINT; a second one ends the process at once (children are killed on exit). */
function stopSignal(): AbortSignal {
  const abort = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (abort.signal.aborted) process.exit(130);
      log(`${name}: stopping`);
      abort.abort(new Error(`Stopped by ${name}.`));
    });
  }
  return abort.signal;
}

async function serve(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '0' },
      state: { type: 'string', default: defaultState },
      'request-log': { type: 'string' },
      'token-seconds': { type: 'string' },
    },
  });
  // Blobs, Kubernetes and the web page listen on the next three.
  const port = wholeNumber('--port', values.port, 0, 65532);
  const requestLog = values['request-log'];
  const tokenSeconds = values['token-seconds'];
  const options: LocalCloudOptions = {
    port,
    stateDir: values.state,
    ...(requestLog === undefined ? {} : { requestLog }),
    ...(tokenSeconds === undefined
      ? {}
      : { accessTokenSeconds: wholeNumber('--token-seconds', tokenSeconds, 1, 24 * 3600) }),
    ...surroundings(),
  };
  const signal = stopSignal();
  const cloud = await startLocalCloud(options).catch((error: unknown) => {
    throw new Error(startFailure(error, port), { cause: error });
  });
  process.stdout.write(`${JSON.stringify(cloud.description)}\n`);
  log(
    greeting({
      pageUrl: cloud.pageUrl,
      stateDir: resolve(values.state),
      environmentFile: writeShellEnvironment(cloud.description),
      ...(requestLog === undefined ? {} : { requestLog: resolve(requestLog) }),
      seconds: process.uptime(),
    }),
  );
  await aborted(signal);
  await cloud.stop();
  return 0;
}

/** One release of a classic release definition. */
async function release(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      state: { type: 'string', default: defaultState },
      var: { type: 'string', multiple: true, default: [] },
      stage: { type: 'string', multiple: true, default: [] },
      kubeconfig: { type: 'string' },
    },
  });
  const file = onlyFile(positionals, 'release definition');
  const variables = pairs('--var', values.var);
  const { runRelease } = await import('./release/run-release.js');
  return await onCloud(file, values, o =>
    runRelease({ ...o, variables, ...(values.stage.length > 0 ? { stages: values.stage } : {}) }),
  );
}

async function pipeline(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      state: { type: 'string', default: defaultState },
      var: { type: 'string', multiple: true, default: [] },
      param: { type: 'string', multiple: true, default: [] },
      kubeconfig: { type: 'string' },
    },
  });
  const file = onlyFile(positionals, 'pipeline file');
  const variables = pairs('--var', values.var);
  // As in the web form of Azure Pipelines, a parameter's value is YAML: 3 is a number, true a boolean.
  const parameters = Object.fromEntries(
    Object.entries(pairs('--param', values.param)).map(([name, value]) => [name, parse(value) as unknown]),
  );
  // Loaded when it is needed: `npm run local` by itself starts sooner without it.
  const { runPipeline } = await import('./pipeline/run-pipeline.js');
  return await onCloud(file, values, o => runPipeline({ ...o, parameters, variables }));
}

function onlyFile([file, ...others]: readonly string[], what: string): string {
  if (file === undefined || others.length > 0) throw new UsageError(`Give one ${what}.`);
  return file;
}

/** Starts local Azure for one run, and ends it. */
async function onCloud(
  file: string,
  { state, kubeconfig }: { state: string; kubeconfig?: string | undefined },
  execute: (o: RunOptions) => Promise<PipelineRun>,
): Promise<number> {
  const signal = stopSignal();
  const cloud = await startLocalCloud({ port: 0, stateDir: state, ...surroundings() });
  try {
    const run = await execute({
      file: resolve(file),
      project: projectOf(cloud, kubeconfig),
      runDir: resolve(state, 'runs', new Date().toISOString().replace(/[:.]/g, '-')),
      signal,
      onLine: line => process.stdout.write(`${line}\n`),
    });
    log(`${file}: ${run.result}`);
    return run.result === 'Succeeded' || run.result === 'SucceededWithIssues' ? 0 : 1;
  } finally {
    await cloud.stop();
  }
}

/** The tasks are those of the build, in dist/tasks; `checkout: self` is the current folder. */
function projectOf(cloud: LocalCloud, kubeconfig: string | undefined): ReturnType<typeof localProject> {
  const facts = kubeconfig === undefined ? cloud : { ...cloud, otherClusterKubeconfig: resolve(kubeconfig) };
  return localProject(facts, { sourcesDir: process.cwd(), taskDirs: [resolve(root, 'dist', 'tasks')] });
}

function pairs(option: string, given: string[]): Record<string, string> {
  return Object.fromEntries(
    given.map(pair => {
      const at = pair.indexOf('=');
      if (at <= 0) throw new UsageError(`${option} must be name=value, not "${pair}".`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(done => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}

async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  try {
    const [command, ...others] = args;
    const run = command === 'pipeline' ? pipeline : command === 'release' ? release : undefined;
    process.exitCode = run ? await run(others) : await serve(args);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isUsage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    log(isUsage ? `${message} See --help.` : message);
    process.exitCode = isUsage ? 2 : 1;
  }
}

if (require.main === module) void main(process.argv.slice(2));
