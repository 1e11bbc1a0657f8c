/**
 * `npm run demo`: the story of the README on this machine, through the tasks of the packaged extension. State is made
 * anew at each run under .local/demo; what is slow to make (the Python environment, the runtime's image) is kept in
 * .local/cache.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { startLocalAws } from './aws/local-aws';
import { startLocalCloud, type LocalCloud, type LocalCloudOptions } from './cloud';
import { tellApplication, type ApplicationStory } from './demo/application';
import { prepareApplication } from './demo/prepare-application';
import { tellStory, type Story } from './demo/story';
import { storyTable } from './demo/table';
import { unpackExtension } from './demo/unpack-extension';
import { localProject } from './project';

export interface DemoOptions extends Pick<LocalCloudOptions, 'recordRequest'> {
  root: string;
  /** Where this run's state and logs go; emptied first. */
  workDir: string;
  signal: AbortSignal;
  log: (line: string) => void;
  /** Goes on with the whole video-moderation application, on a stand-in for AWS. */
  app?: boolean;
  /** Called with the cloud still up, after the story's end: a test looks for itself. */
  inspect?(story: Story, cloud: LocalCloud): Promise<void>;
}

export async function runDemo(options: DemoOptions): Promise<Story & { moderation?: ApplicationStory }> {
  const { root, workDir, signal, log } = options;
  const began = performance.now();
  rmSync(workDir, { recursive: true, force: true });
  const vsix = readdirSync(join(root, 'dist')).find(file => file.endsWith('.vsix'));
  if (!vsix) throw new Error('dist/ holds no packaged extension: run `npm run package` first.');
  const extension = unpackExtension(join(root, 'dist', vsix), join(workDir, 'extension'));
  log(`${vsix}: tasks ${extension.tasks.join(', ')}`);

  // Before the cloud: it looks for the services' programs when it starts.
  if (options.app) await prepareApplication(root, log);
  const cloud = await startLocalCloud({
    port: 0,
    stateDir: join(workDir, 'state'),
    cacheDir: join(root, '.local/cache'),
    root,
    log: line => log(`   ~ ${line}`),
    ...(options.recordRequest ? { recordRequest: options.recordRequest } : {}),
  });
  try {
    log(
      `Local Azure answers at ${cloud.description.arm}, Kubernetes at ${cloud.kubernetesUrl} (${((performance.now() - began) / 1000).toFixed(1)} s)`,
    );
    const project = localProject(cloud, { sourcesDir: root, taskDirs: [extension.tasksDir] });
    const parts = { cloud, project, root, runDir: join(workDir, 'runs'), signal, log };
    const story = await tellStory(parts);
    await options.inspect?.(story, cloud);
    if (!options.app) return story;
    const aws = await startLocalAws({ cacheDir: join(root, '.local/cache') });
    try {
      return { ...story, moderation: await tellApplication({ ...parts, aws }) };
    } finally {
      await aws.stop();
    }
  } finally {
    await cloud.stop();
  }
}

async function main(): Promise<void> {
  const root = resolve(__dirname, '..');
  const cancel = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (!cancel.signal.aborted) console.log(`\n${name}: stopping what runs`);
      cancel.abort(new Error('stopped on request'));
    });
  }
  try {
    const { values } = parseArgs({
      options: {
        'work-dir': { type: 'string', default: join(root, '.local/demo') },
        app: { type: 'boolean', default: false },
      },
    });
    const story = await runDemo({
      root,
      workDir: values['work-dir'],
      app: values.app,
      signal: cancel.signal,
      log: line => console.log(line),
    });
    console.log(`\n${storyTable(story)}\n\nThe whole story was told; nothing keeps running.`);
  } catch (error) {
    const stopped = cancel.signal.aborted;
    console.error(
      `\n${stopped ? 'Stopped on request; nothing keeps running.' : `The story broke off: ${error instanceof Error ? error.message : String(error)}`}`,
    );
    process.exitCode = stopped ? 130 : 1;
  }
}

if (require.main === module) void main();
