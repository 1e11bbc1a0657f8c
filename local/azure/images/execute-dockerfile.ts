import { cp, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { start } from '../../processes';
import { assignments, DockerfileError, execForm, type Instruction, type Stage } from './dockerfile';

/** A built image: a folder and how to start what is in it. */
export interface Image {
  /** Where the container's root directory lies on this machine. */
  root: string;
  /** Working directory inside the container. */
  workdir: string;
  environment: Record<string, string>;
  command: string[];
}

export interface BuildOptions {
  stages: Stage[];
  /** Folder of the build context. */
  context: string;
  /** Where the stages' folders are made; the last one stays. */
  folder: string;
  log: (line: string) => void;
  signal: AbortSignal;
}

/** What RUN sees of this machine: where programs are, and how packages are fetched. */
const machine = [
  'PATH',
  'HOME',
  'LANG',
  'TMPDIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
];

/**
 * Executes a Dockerfile's instructions in plain folders, one a stage, on this machine and its Node.js: RUN really runs.
 * There is no container around it, so absolute paths in RUN would mean this machine's; our Dockerfiles have none.
 * @throws DockerfileError that names line and instruction
 */
export async function executeDockerfile(options: BuildOptions): Promise<Image> {
  const { stages, folder, log } = options;
  const roots = new Map<string, string>();
  let image: Image | undefined;
  for (const [index, stage] of stages.entries()) {
    if (!/^(docker\.io\/(library\/)?)?node:/.test(stage.image))
      throw new DockerfileError(1, `the base image ${stage.image} is not available here; node images are.`);
    log(`Stage ${stage.name ?? index + 1}: FROM ${stage.image} (this machine's Node.js ${process.version})`);
    image = { root: join(folder, `stage-${index}`), workdir: '/', environment: {}, command: [] };
    await mkdir(image.root, { recursive: true });
    for (const instruction of stage.instructions) await execute(instruction, image, roots, options);
    roots.set(String(index), image.root);
    if (stage.name) roots.set(stage.name.toLowerCase(), image.root);
  }
  if (!image || image.command.length === 0)
    throw new DockerfileError(1, 'the last stage has neither CMD nor ENTRYPOINT.');
  for (const root of roots.values()) if (root !== image.root) await rm(root, { recursive: true, force: true });
  return image;
}

async function execute(
  instruction: Instruction,
  image: Image,
  roots: ReadonlyMap<string, string>,
  options: BuildOptions,
): Promise<void> {
  const { keyword, text } = instruction;
  options.signal.throwIfAborted();
  options.log(`${keyword} ${text.length > 160 ? `${text.slice(0, 160)}…` : text}`);
  switch (keyword) {
    case 'ENV':
      Object.assign(image.environment, assignments(text));
      return;
    case 'WORKDIR':
      image.workdir = posix.resolve(image.workdir, text);
      await mkdir(inImage(image, image.workdir), { recursive: true });
      return;
    case 'COPY':
      return copy(instruction, image, roots, options.context);
    case 'RUN':
      return run(instruction, image, options);
    case 'ENTRYPOINT':
      image.command = execForm(instruction);
      return;
    case 'CMD':
      image.command = [...image.command, ...execForm(instruction)];
      return;
    default:
      // USER, EXPOSE, HEALTHCHECK and LABEL change nothing in a folder.
      return;
  }
}

async function copy(
  { text, line }: Instruction,
  image: Image,
  roots: ReadonlyMap<string, string>,
  context: string,
): Promise<void> {
  const words = text.split(/\s+/);
  let from = context;
  while (words[0]?.startsWith('--')) {
    const [option = '', value = ''] = words.shift()?.split('=') ?? [];
    if (option === '--from') {
      const root = roots.get(value.toLowerCase());
      if (root === undefined) throw new DockerfileError(line, `COPY --from names the unknown stage ${value}.`);
      from = root;
    } else if (option !== '--chown' && option !== '--chmod') {
      throw new DockerfileError(line, `local Azure's image builder has no COPY ${option}.`);
    }
  }
  const target = words.pop() ?? '';
  if (words.length === 0) throw new DockerfileError(line, 'COPY needs a source and a target.');
  const destination = inImage(image, posix.resolve(image.workdir, target));
  const intoFolder = target.endsWith('/') || words.length > 1;
  for (const word of words) {
    const source = resolve(from, `./${word}`);
    if (source !== from && !source.startsWith(`${from}/`))
      throw new DockerfileError(line, `COPY must stay in the build context: ${word}`);
    const found = await stat(source).catch(() => undefined);
    if (!found)
      throw new DockerfileError(
        line,
        `COPY: ${word} is not in the build context, which holds ${(await readdir(from)).join(', ')}.`,
      );
    // As docker has it: the content of a folder is copied, a file keeps its name in a folder.
    const to = found.isDirectory() ? destination : intoFolder ? join(destination, basename(source)) : destination;
    await mkdir(found.isDirectory() ? to : dirname(to), { recursive: true });
    await cp(source, to, { recursive: true });
  }
}

async function run({ text, line }: Instruction, image: Image, { log, signal }: BuildOptions): Promise<void> {
  const environment = Object.fromEntries(
    machine.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const child = start('/bin/sh', ['-c', text], {
    cwd: inImage(image, image.workdir),
    env: { ...environment, ...image.environment, CI: '1' },
    endWithParent: true,
  });
  const tail: string[] = [];
  const read = async (stream: AsyncIterable<Buffer>): Promise<void> => {
    let rest = '';
    for await (const chunk of stream) {
      const lines = (rest + chunk.toString()).split(/\r?\n/);
      rest = lines.pop() ?? '';
      for (const text of lines) keep(text);
    }
    if (rest !== '') keep(rest);
  };
  const keep = (text: string): void => {
    log(`  ${text}`);
    tail.push(text);
    tail.splice(0, Math.max(0, tail.length - 10));
  };
  const reading = Promise.all([read(child.stdout), read(child.stderr)]);
  const onAbort = (): void => void child.kill(0);
  signal.addEventListener('abort', onAbort, { once: true });
  const { code } = await child.exit;
  signal.removeEventListener('abort', onAbort);
  signal.throwIfAborted();
  await reading;
  if (code !== 0)
    throw new DockerfileError(
      line,
      `RUN ${text.slice(0, 80)} ended with exit code ${code ?? 'of a signal'}.\n${tail.join('\n')}`,
    );
}

/** Where a path of the container lies on this machine. */
export function inImage(image: Pick<Image, 'root'>, path: string): string {
  return join(image.root, path);
}
