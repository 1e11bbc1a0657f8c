import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { OperationError } from '../arm/operations';
import type { FoundEnvironment } from '../assets/environment-lookup';
import type { AzureContext } from '../context';
import { BuildLog } from './build-log';
import { parseDockerfile } from './dockerfile';
import { executeDockerfile, type Image } from './execute-dockerfile';

/** Changes when an image that was built earlier must not be used any more. */
const builderVersion = 1;

/** Builds the images of environments and keeps them in the cache folder, by the hash of their build context. */
export class ImageBuilder {
  private readonly building = new Map<string, Promise<Image>>();

  constructor(private readonly context: AzureContext) {}

  /**
   * The image of an environment, built when it is not there yet. The log goes to the server's log and to a blob, see `BuildLog`.
   * @throws OperationError ImageBuildFailure; BadArgument for a ready-made image
   */
  async image(environment: FoundEnvironment): Promise<Image> {
    const { build } = environment.properties;
    if (!build) throw imageNotPulled(environment);
    const key = `${build.contextUri}|${build.dockerfilePath}`;
    const running = this.building.get(key);
    if (running) return running;
    const work = this.build(environment, build).finally(() => this.building.delete(key));
    this.building.set(key, work);
    return work;
  }

  /** Names the image of an environment; undefined while it is not built. */
  async find({ properties: { build } }: FoundEnvironment): Promise<string | undefined> {
    if (!build) return undefined;
    const draft = join(this.context.cacheDir, 'images', `draft-${randomUUID()}`);
    try {
      const key = await this.fetchContext(build, draft);
      const isReady = await stat(join(this.context.cacheDir, 'images', key, 'image.json')).catch(() => undefined);
      return isReady && key;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** Downloads the build context into `folder`. @returns what names an image of that content */
  private async fetchContext(
    { contextUri, dockerfilePath }: { contextUri: string; dockerfilePath: string },
    folder: string,
  ): Promise<string> {
    const { blobs, signal } = this.context;
    const place = blobs.locate(contextUri);
    if (!place) throw new Error(`The build context ${contextUri} is not in this workspace's storage.`);
    await blobs.download(place.container, place.path, folder, signal);
    return keyOf(folder, dockerfilePath);
  }

  private async build(
    environment: FoundEnvironment,
    build: { contextUri: string; dockerfilePath: string },
  ): Promise<Image> {
    const { cacheDir, signal } = this.context;
    const images = join(cacheDir, 'images');
    await mkdir(images, { recursive: true });
    const draft = join(images, `draft-${randomUUID()}`);
    const title = `${environment.name}:${environment.version}`;
    const buildLog = new BuildLog(this.context, environment.name, environment.version);
    const log = (line: string): void => buildLog.line(line);
    try {
      const source = join(draft, 'context');
      const folder = join(images, await this.fetchContext(build, source));
      const ready = await readFile(join(folder, 'image.json'), 'utf8').catch(() => undefined);
      if (ready !== undefined) {
        this.context.noteUse(`the image ${environment.name}`, true);
        log(`unchanged since an earlier build: ${folder}`);
        return { ...(JSON.parse(ready) as Image), root: join(folder, 'root') };
      }
      this.context.noteUse(`the image ${environment.name}`, false);
      const began = Date.now();
      log(`building ${title}`);
      const dockerfile = await readFile(join(source, build.dockerfilePath), 'utf8');
      const image = await executeDockerfile({
        stages: parseDockerfile(dockerfile),
        context: source,
        folder: join(draft, 'stages'),
        log,
        signal,
      });
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await rename(image.root, join(folder, 'root'));
      // Written last: a half-made image has no image.json and is built again.
      await writeFile(join(folder, 'image.json'), JSON.stringify({ ...image, root: undefined }));
      log(`built in ${((Date.now() - began) / 1000).toFixed(1)} s`);
      return { ...image, root: join(folder, 'root') };
    } catch (error) {
      if (signal.aborted || error instanceof OperationError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      log(`failed: ${reason}`);
      throw new OperationError(
        'ImageBuildFailure',
        `The image of ${title} could not be built: ${reason}\nFor details see ${buildLog.place}.`,
      );
    } finally {
      await rm(draft, { recursive: true, force: true });
      await buildLog.close();
    }
  }
}

/** What the service says of an image that it cannot pull: here there is no container engine that could. */
function imageNotPulled({ name, version, properties }: FoundEnvironment): OperationError {
  return new OperationError(
    'BadArgument',
    `The user container image ${properties.image ?? 'none'} of the environment ${name}:${version} cannot be pulled. Local Azure has no container engine: it runs images that it builds from a Dockerfile, and scoring scripts and MLflow models with the Python of a conda file.`,
  );
}

/** Hash of the context's files, the Dockerfile's name, this builder and the Node.js that it builds for. */
async function keyOf(folder: string, dockerfilePath: string): Promise<string> {
  const hash = createHash('sha256').update(`${builderVersion}|${process.version}|${process.arch}|${dockerfilePath}\n`);
  const names = (await readdir(folder, { recursive: true })).sort();
  for (const name of names) {
    const file = join(folder, name);
    if (!(await stat(file)).isFile()) continue;
    hash.update(`${relative(folder, file).split(sep).join('/')}\n`);
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  }
  return hash.digest('hex').slice(0, 16);
}
