import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';
import { ContainerConfigError } from './pod-references';
import type { Container, Pod, Volume } from './pod-shapes';
import { safePath, volumeFiles, type VolumeFile } from './volume-files';

/**
 * Tells a program the folder below which its mount paths are, since a plain process sees the machine's own `/`. The name is
 * that of Windows HostProcess containers, which have the same need (kubernetes.io, "Create a Windows HostProcess Pod").
 */
export const mountRootVariable = 'CONTAINER_SANDBOX_MOUNT_POINT';

/** Where a container finds its volumes. */
export interface ContainerMounts {
  /** Mount paths are below it. */
  root: string;
  /** Replaces the mount path that a text is, or begins with, by the place where it is. */
  locate: (text: string) => string;
}

/** The volumes of one pod as folders of this machine, below `folder`; claims keep theirs below `claimsFolder`. */
export class PodVolumes {
  readonly #written = new Map<string, Map<string, VolumeFile>>();
  #generation = 0;

  constructor(private readonly o: { store: ObjectStore; pod: Pod; folder: string; claimsFolder: string }) {}

  /** Why a volume cannot be made, in the words of the kubelet's event; undefined when all can be, or nothing really runs. */
  problem(reallyRuns: boolean): string | undefined {
    const { store, pod } = this.o;
    for (const volume of pod.spec.volumes ?? []) {
      try {
        const files = volumeFiles(store, pod, volume);
        if (!files && reallyRuns) this.#folderOf(volume);
      } catch (error) {
        if (!(error instanceof ContainerConfigError)) throw error;
        return `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`;
      }
    }
    return undefined;
  }

  /** Makes the folders that a container mounts. @throws ContainerConfigError */
  mount(container: Container): ContainerMounts | undefined {
    const mounts = [...(container.volumeMounts ?? [])].sort((a, b) => a.mountPath.length - b.mountPath.length);
    if (mounts.length === 0) return undefined;
    const root = join(this.o.folder, 'containers', container.name);
    rmSync(root, { recursive: true, force: true });
    const places = mounts.map(({ name, mountPath, subPath = '', subPathExpr }) => {
      if (subPathExpr) throw new ContainerConfigError(`local Kubernetes has no subPathExpr (volume "${name}")`);
      const volume = this.o.pod.spec.volumes?.find(one => one.name === name);
      if (!volume) throw new ContainerConfigError(`volume "${name}" not found`);
      const place = join(root, posix.resolve('/', mountPath));
      const source = join(this.#folderOf(volume), safePath(subPath));
      const files = volumeFiles(this.o.store, this.o.pod, volume);
      if (files) this.#write(name, files);
      else if (subPath) mkdirSync(source, { recursive: true });
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(source, place);
      return { mountPath: mountPath.replace(/\/+$/, ''), place };
    });
    const byLength = places.toReversed();
    const locate = (text: string): string => {
      const found = byLength.find(({ mountPath }) => text === mountPath || text.startsWith(`${mountPath}/`));
      return found ? found.place + text.slice(found.mountPath.length) : text;
    };
    return { root, locate };
  }

  /** Brings what is written up to date, as the kubelet does when an object changes, but at once. */
  refresh(): void {
    for (const volume of this.o.pod.spec.volumes ?? []) {
      if (!this.#written.has(volume.name)) continue;
      try {
        const files = volumeFiles(this.o.store, this.o.pod, volume);
        if (files) this.#write(volume.name, files);
      } catch (error) {
        // An object that is gone leaves its last content to those who run.
        if (!(error instanceof ContainerConfigError)) throw error;
      }
    }
  }

  /** Deletes everything but what belongs to claims. */
  remove(): void {
    rmSync(this.o.folder, { recursive: true, force: true });
  }

  #folderOf(volume: Volume): string {
    const { name, persistentVolumeClaim: claim } = volume;
    let folder = join(this.o.folder, 'volumes', name);
    if (claim) {
      const { namespace = '' } = this.o.pod.metadata;
      const found = this.o.store.get(resourceNamed('persistentvolumeclaims'), namespace, claim.claimName);
      if (!found) throw new ContainerConfigError(`persistentvolumeclaim "${claim.claimName}" not found`);
      folder = join(this.o.claimsFolder, found.metadata.uid);
    } else if (!volume.emptyDir && !volumeFiles(this.o.store, this.o.pod, volume)) {
      const kind = Object.keys(volume).find(field => field !== 'name') ?? 'no kind';
      throw new ContainerConfigError(`local Kubernetes has no volumes of ${kind}`);
    }
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /**
   * Writes files as the kubelet does: into a new folder, to which the link `..data` then points, so that a reader sees all
   * of the old content or all of the new.
   */
  #write(name: string, files: Map<string, VolumeFile>): void {
    if (isDeepStrictEqual(this.#written.get(name), files)) return;
    const folder = join(this.o.folder, 'volumes', name);
    const old = readdirSync(folder);
    this.#generation += 1;
    const version = `..${Date.now()}_${this.#generation}`;
    mkdirSync(join(folder, version));
    for (const [path, { content, mode }] of files) {
      const file = join(folder, version, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      chmodSync(file, mode);
    }
    rmSync(join(folder, '..data_tmp'), { force: true });
    symlinkSync(version, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    const shown = new Set([...files.keys()].map(path => path.split('/')[0] ?? path));
    for (const entry of shown) if (!old.includes(entry)) symlinkSync(join('..data', entry), join(folder, entry));
    for (const entry of old) {
      if (entry !== '..data' && !shown.has(entry)) rmSync(join(folder, entry), { recursive: true, force: true });
    }
    this.#written.set(name, files);
  }
}

/** Deletes what pods have left behind that are no more, after an end of the server that left no time for it. */
export function removeOrphanedVolumes(store: ObjectStore, volumesFolder: string): void {
  const folder = join(volumesFolder, 'pods');
  if (!existsSync(folder)) return;
  const known = new Set(store.list(resourceNamed('pods')).map(({ metadata }) => metadata.uid));
  for (const uid of readdirSync(folder))
    if (!known.has(uid)) rmSync(join(folder, uid), { recursive: true, force: true });
}
