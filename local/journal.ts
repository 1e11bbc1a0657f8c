import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** One named map of JSON values. What `set` and `delete` did is on disk when they return. */
export interface Collection<T> {
  get(key: string): T | undefined;
  /** `value` must be JSON; it is kept by reference, so change a copy and set that. */
  set(key: string, value: T): void;
  delete(key: string): void;
  /** In the order in which the keys were first set. */
  entries(): IterableIterator<[string, T]>;
  /** In sorted order; cost is of the hits and a binary search, not of the whole collection. */
  keysWithPrefix(prefix: string): string[];
}

/** A line of the file: collection, key and, unless the key was deleted, its value. */
type JournalLine = [collection: string, key: string, value?: unknown];

/**
 * Durable key-value collections: in-memory maps and an append-only file of JSON lines, compacted when it is opened.
 * One process per file; the caller sees to that.
 */
export class Journal {
  readonly #collections = new Map<string, StoredCollection<unknown>>();
  readonly #file: string;
  #descriptor: number | undefined;

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
      collection = new StoredCollection((key, value) => {
        this.#append(value === undefined ? [name, key] : [name, key, value]);
      });
      this.#collections.set(name, collection);
    }
    return collection;
  }

  #append(line: JournalLine): void {
    if (this.#descriptor === undefined) throw new Error(`Journal ${this.#file} is closed.`);
    writeSync(this.#descriptor, JSON.stringify(line) + '\n');
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
    for (const [name, collection] of this.#collections) {
      for (const [key, value] of collection.entries()) {
        writeSync(descriptor, JSON.stringify([name, key, value]) + '\n');
      }
    }
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(temporary, this.#file);
    this.#descriptor = openSync(this.#file, 'a', 0o600);
  }
}

class StoredCollection<T> implements Collection<T> {
  readonly #values = new Map<string, T>();
  /** Sorted keys, rebuilt at the first prefix query after a key came or went. */
  #sorted: string[] | undefined;

  constructor(private readonly write: (key: string, value: T | undefined) => void) {}

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: T): void {
    this.write(key, value);
    this.restore(key, value);
  }

  delete(key: string): void {
    if (!this.#values.has(key)) return;
    this.write(key, undefined);
    this.restore(key, undefined);
  }

  /** Changes the map only, for lines that are on disk already. */
  restore(key: string, value: T | undefined): void {
    if (value === undefined) {
      this.#values.delete(key);
      this.#sorted = undefined;
      return;
    }
    if (!this.#values.has(key) && this.#sorted) insertSorted(this.#sorted, key);
    this.#values.set(key, value);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#values.entries();
  }

  keysWithPrefix(prefix: string): string[] {
    this.#sorted ??= [...this.#values.keys()].sort(byCodeUnit);
    const found: string[] = [];
    for (let index = firstAtLeast(this.#sorted, prefix); index < this.#sorted.length; index += 1) {
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
