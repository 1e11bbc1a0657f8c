import { EventEmitter } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { badRequest } from '../api/status-error';
import type { ApiObject } from '../objects/api-object';
import type { ContainerStatus, Pod } from './pod-shapes';

export interface LogRequest {
  container: string | undefined;
  /** The container that ran before the one that runs now. */
  previous: boolean;
  follow: boolean;
  /** Each line begins with its time. */
  timestamps: boolean;
  tailLines?: number;
  limitBytes?: number;
  sinceSeconds?: number;
}

/** What containers wrote to their output: a file for each, every line with its time before it. */
export class PodLogs {
  readonly #lines = new EventEmitter().setMaxListeners(0);

  constructor(private readonly folder: string) {}

  /** Writes everything that comes out of `streams` to the log of one run of a container. */
  record(uid: string, container: string, containerId: string, streams: Readable[]): void {
    const folder = join(this.folder, uid, container);
    mkdirSync(folder, { recursive: true });
    const file = this.#file(uid, container, containerId);
    appendFileSync(file, '');
    this.#dropOld(folder);
    for (const stream of streams) {
      createInterface({ input: stream, crlfDelay: Infinity }).on('line', line => {
        const dated = `${new Date().toISOString()} ${line}\n`;
        // The pod may have been deleted, and its log with it, while its process still ends.
        if (!existsSync(folder)) return;
        appendFileSync(file, dated);
        this.#lines.emit(file, dated);
      });
    }
  }

  /** Ends whoever follows the log of this run. */
  ended(uid: string, container: string, containerId: string): void {
    this.#lines.emit(`${this.#file(uid, container, containerId)} end`);
  }

  /** @throws StatusError 400 in the kubelet's words */
  async read(object: ApiObject, request: LogRequest): Promise<string | Readable> {
    const status = statusOf(object as Pod, request.container);
    const id = containerId(object.metadata.name, status, request.previous);
    const file = this.#file(object.metadata.uid, status.name, id);
    const show = (line: string): string => (request.timestamps ? line : line.slice(line.indexOf(' ') + 1));
    // Simulated containers have no file, and nothing to say.
    const text = existsSync(file) ? await readFile(file, 'utf8') : '';
    const earliest = request.sinceSeconds === undefined ? 0 : Date.now() - request.sinceSeconds * 1000;
    let lines = text
      .split(/(?<=\n)/)
      .filter(line => line !== '' && Date.parse(line.slice(0, line.indexOf(' '))) >= earliest);
    if (request.tailLines !== undefined) lines = request.tailLines === 0 ? [] : lines.slice(-request.tailLines);
    const past = lines.map(show).join('');
    if (request.follow && status.state.running) return this.#follow(file, past, show);
    return request.limitBytes === undefined ? past : Buffer.from(past).subarray(0, request.limitBytes).toString('utf8');
  }

  /** Deletes everything that a pod has written. */
  forget(uid: string): void {
    rmSync(join(this.folder, uid), { recursive: true, force: true });
  }

  #follow(file: string, past: string, show: (line: string) => string): Readable {
    const stream = new PassThrough();
    stream.write(past);
    const onLine = (line: string): void => void stream.write(show(line));
    const onEnd = (): void => void stream.end();
    this.#lines.on(file, onLine).once(`${file} end`, onEnd);
    stream.once('close', () => this.#lines.off(file, onLine).off(`${file} end`, onEnd));
    return stream;
  }

  #file(uid: string, container: string, containerId: string): string {
    return join(this.folder, uid, container, `${containerId.replace(/^.*:\/\//, '')}.log`);
  }

  /** Like the kubelet, keeps the log of the present and of the previous run only. Ids begin with their time, so they sort. */
  #dropOld(folder: string): void {
    const files = readdirSync(folder).sort();
    for (const file of files.slice(0, -2)) rmSync(join(folder, file), { force: true });
  }
}

function statusOf(pod: Pod, container: string | undefined): ContainerStatus {
  const { name } = pod.metadata;
  const names = pod.spec.containers.map(one => one.name);
  if (container === undefined && names.length > 1) {
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`);
  }
  const wanted = container ?? names[0] ?? '';
  const declared = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(one => one.name === wanted);
  if (!declared) throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const status = statuses.find(one => one.name === wanted);
  if (!status) throw badRequest(`container "${wanted}" in pod "${name}" is waiting to start: ContainerCreating`);
  return status;
}

/** The run that is meant: the present one, or where there is none, the last that ended. */
function containerId(pod: string, status: ContainerStatus, previous: boolean): string {
  const last = status.lastState.terminated?.containerID;
  if (previous) {
    if (last === undefined)
      throw badRequest(`previous terminated container "${status.name}" in pod "${pod}" not found`);
    return last;
  }
  const { running, terminated, waiting } = status.state;
  const current = running ? status.containerID : (terminated?.containerID ?? last);
  if (current === undefined) {
    const reason = waiting?.reason ?? 'ContainerCreating';
    throw badRequest(`container "${status.name}" in pod "${pod}" is waiting to start: ${reason}`);
  }
  return current;
}
