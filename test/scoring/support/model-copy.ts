import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelFolder } from './runtime';

/** A copy of a test model that a test may change, in a temporary folder. */
export class ModelCopy {
  readonly root = mkdtempSync(join(tmpdir(), 'guardian-model-'));
  readonly folder: string;

  /** @param below name of a folder between the model directory and the model's files */
  constructor(model: string, below = '') {
    this.folder = join(this.root, below);
    cpSync(modelFolder(model), this.folder, { recursive: true });
  }

  write(file: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, file), content);
  }

  delete(file: string): void {
    rmSync(join(this.folder, file));
  }

  /** Copies the model's files, as they are now, into a folder below; `edit` may change its manifest. */
  copyTo(below: string, edit: (manifest: Record<string, unknown>) => unknown = () => undefined): void {
    const files = readdirSync(this.folder, { withFileTypes: true }).filter(entry => entry.isFile());
    for (const { name } of files) cpSync(join(this.folder, name), join(this.folder, below, name));
    this.change(edit, below);
  }

  /** Rewrites the manifest. */
  change(edit: (manifest: Record<string, unknown>) => unknown, below = ''): void {
    const file = join(this.folder, below, 'guardian-model.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    edit(manifest);
    writeFileSync(file, JSON.stringify(manifest));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
