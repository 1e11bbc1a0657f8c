import type { RequestRecord } from '../requests/request-record';

/** The last requests to local Azure, newest first; older ones are in the log's file. */
export class RecentRequests {
  readonly #kept: RequestRecord[] = [];
  #next = 0;

  constructor(private readonly most = 200) {}

  add(request: RequestRecord): void {
    this.#kept[this.#next] = request;
    this.#next = (this.#next + 1) % this.most;
  }

  newest(): RequestRecord[] {
    return [...this.#kept.slice(this.#next), ...this.#kept.slice(0, this.#next)].reverse();
  }
}
