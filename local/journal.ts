import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** One named map of JSON values. What `set` and `delete` did is on disk when they return. */
export interface Collection<T> {
  get(key: string): T | undefined;
  /** `value` must be JSON; it is kept by reference, so change a copy and set that. */
  set(key: string, value: T): void;
  delete(key: string): void;
  /** In the order in which the keys were first set. */
  entries(): IterableIterator<[string, T]>;
  /**
   * In sorted order, from the first one that is greater than `after`, at most `most`; cost is of the hits and a binary search, not of the
   * whole collection.
   */
  keysWithPrefix(prefix: string, after?: string, most?: number): string[];
}

/** A line of the file: collection, key and, unless the key was deleted, its value. */
type JournalLine = [collection: string, key: string, value?: unknown];

/** Compacted while it is open as well, once this much was appended and the file is thrice what it was after the last time. */
const compactAfterBytes = 16 * 1024 * 1024;

/**
 * Durable key-value collections: in-memory maps and an append-only file of JSON lines, compacted when it is opened and when much was overwritten.
 * What was written survives the end of this process, however it ends; against a loss of power it is safe as far as the operating system has
 * written it out. One process per file; the caller sees to that.
 */
export class Journal {
  readonly #collections = new Map<string, StoredCollection<unknown>>();
  readonly #file: string;
  #descriptor: number | undefined;
  /** Of the file, up to the end of its last whole line. */
  #bytes = 0;
  #compactedBytes = 0;

  private constructor(file: string) {
    this.#file = file;
  }

  /**
   * Reads `file` (made when absent) and writes it anew without what was overwritten.
   * A last line cut off by a crash is dropped; damage anywhere else is an error that names the line.
   */
  static open(file: string): Promise<Journal> {
    // Synchronous inside, so that no write of ours can fall between reading and compaction.
    try {
      mkdirSync(dirname(file), { recursive: true });
      const journal = new Journal(file);
      journal.#load();
      journal.#compact();
      return Promise.resolve(journal);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The collection of that name; the caller states the type of its values. */
  collection<T>(name: string): Collection<T> {
    return this.#stored(name) as unknown as Collection<T>;
  }

  close(): Promise<void> {
    if (this.#descriptor !== undefined) {
      fsyncSync(this.#descriptor);
      closeSync(this.#descriptor);
      this.#descriptor = undefined;
    }
    return Promise.resolve();
  }

  #stored(name: string): StoredCollection<unknown> {
    let collection = this.#collections.get(name);
    if (!collection) {
      collection = new StoredCollection(
        (key, value) => this.#append(value === undefined ? [name, key] : [name, key, value]),
        () => this.#compactWhenLarge(),
      );
      this.#collections.set(name, collection);
    }
    return collection;
  }

  #append(line: JournalLine): void {
    if (this.#descriptor === undefined) throw new Error(`Journal ${this.#file} is closed.`);
    const bytes = Buffer.from(JSON.stringify(line) + '\n');
    try {
      writeWhole(this.#descriptor, bytes);
    } catch (error) {
      // Half a line in the middle of the file would make all of it unreadable.
      ftruncateSync(this.#descriptor, this.#bytes);
      throw error;
    }
    this.#bytes += bytes.length;
  }

  /** Called once the maps hold what was appended. */
  #compactWhenLarge(): void {
    if (this.#bytes - this.#compactedBytes < compactAfterBytes || this.#bytes < 3 * this.#compactedBytes) return;
    const old = this.#descriptor;
    this.#compact();
    if (old !== undefined) closeSync(old);
  }

  #load(): void {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (line === '') continue;
      let entry: JournalLine;
      try {
        entry = JSON.parse(line) as JournalLine;
      } catch (cause) {
        if (index === lines.length - 1) continue;
        throw new Error(`Journal ${this.#file} is damaged at line ${index + 1}.`, { cause });
      }
      this.#stored(entry[0]).restore(entry[1], entry[2]);
    }
  }

  #compact(): void {
    const temporary = `${this.#file}.tmp`;
    const descriptor = openSync(temporary, 'w', 0o600);
    let total = 0;
    let lines: string[] = [];
    let length = 0;
    const flush = (): void => {
      const bytes = Buffer.from(lines.join(''));
      writeWhole(descriptor, bytes);
      total += bytes.length;
      lines = [];
      length = 0;
    };
    for (const [name, collection] of this.#collections) {
      for (const [key, value] of collection.entries()) {
        const line = JSON.stringify([name, key, value]) + '\n';
        lines.push(line);
        length += line.length;
        if (length > 1024 * 1024) flush();
      }
    }
    flush();
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(temporary, this.#file);
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    this.#bytes = total;
    this.#compactedBytes = total;
  }
}

/** All of the bytes: one call may write fewer, for example on a disk that is nearly full. */
function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}

class StoredCollection<T> implements Collection<T> {
  readonly #values = new Map<string, T>();
  /** Sorted keys, made at the first prefix query. */
  #sorted: string[] | undefined;

  constructor(
    private readonly write: (key: string, value: T | undefined) => void,
    private readonly written: () => void,
  ) {}

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: T): void {
    this.write(key, value);
    this.restore(key, value);
    this.written();
  }

  delete(key: string): void {
    if (!this.#values.has(key)) return;
    this.write(key, undefined);
    this.restore(key, undefined);
    this.written();
  }

  /** Changes the map only, for lines that are on disk already. */
  restore(key: string, value: T | undefined): void {
    if (value === undefined) {
      if (this.#values.delete(key) && this.#sorted) this.#sorted.splice(firstAtLeast(this.#sorted, key), 1);
      return;
    }
    if (!this.#values.has(key) && this.#sorted) insertSorted(this.#sorted, key);
    this.#values.set(key, value);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#values.entries();
  }

  keysWithPrefix(prefix: string, after = '', most = Infinity): string[] {
    this.#sorted ??= [...this.#values.keys()].sort(byCodeUnit);
    const found: string[] = [];
    let index = firstAtLeast(this.#sorted, prefix < after ? after : prefix);
    if (this.#sorted[index] === after) index += 1;
    for (; index < this.#sorted.length && found.length < most; index += 1) {
      const key = this.#sorted[index];
      if (!key?.startsWith(prefix)) break;
      found.push(key);
    }
    return found;
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function firstAtLeast(sorted: string[], wanted: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insertSorted(sorted: string[], key: string): void {
  sorted.splice(firstAtLeast(sorted, key), 0, key);
}
