import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

const keptLines = 2000;

/** The console of one kind of container of a deployment: its last lines, also those from before a restart of local Azure. */
export class ContainerLog {
  private readonly lines: string[];
  /** Lines in the file; it is written anew when it holds too many. */
  private written: number;

  constructor(private readonly file: string) {
    this.lines = read(file);
    this.written = this.lines.length;
  }

  push(...added: string[]): void {
    this.lines.push(...added);
    this.lines.splice(0, Math.max(0, this.lines.length - keptLines));
    this.written += added.length;
    mkdirSync(dirname(this.file), { recursive: true });
    if (this.written > 2 * keptLines) {
      rmSync(this.file, { force: true });
      this.written = this.lines.length;
      appendFileSync(this.file, text(this.lines));
    } else {
      appendFileSync(this.file, text(added));
    }
  }

  tail(count: number): string[] {
    return count <= 0 ? [] : this.lines.slice(-count);
  }

  clear(): void {
    this.lines.length = 0;
    this.written = 0;
    rmSync(this.file, { force: true });
  }
}

function read(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1).slice(-keptLines);
  } catch {
    // None was written yet.
    return [];
  }
}

function text(lines: string[]): string {
  return lines.map(line => `${line}\n`).join('');
}
