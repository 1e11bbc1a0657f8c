import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { RecordedRequest, RequestRecord } from './request-record';

/** A file of JSON lines, one `RequestRecord` a request, appended as the answers are sent. */
export class RequestLog {
  #descriptor: number | undefined;

  /** @throws Error when the file cannot be written */
  constructor(file: string) {
    const path = resolve(file);
    mkdirSync(dirname(path), { recursive: true });
    this.#descriptor = openSync(path, 'a', 0o600);
  }

  write(request: RecordedRequest): void {
    if (this.#descriptor === undefined) return;
    // Bodies, headers and queries stay out: they are for tests, and what is in them may be confidential.
    const line: Partial<RecordedRequest> = { ...request };
    delete line.url;
    delete line.headers;
    delete line.body;
    writeSync(this.#descriptor, `${JSON.stringify(line satisfies Partial<RequestRecord>)}\n`);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
