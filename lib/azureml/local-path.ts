import { isAbsolute, resolve } from 'node:path';

/** Whether a path is not of this machine: an asset, any URI or an expression. A Windows drive is one letter, so it is none. */
export function isRemote(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(path) || path.startsWith('${{');
}

/** Paths in a file of `az ml` are relative to that file. */
export function localPath(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}
