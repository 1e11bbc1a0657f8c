/** An answer as it was before a write. */
export interface EarlierAnswer {
  status: number;
  contentType: string;
  body: string;
}

interface Kept extends EarlierAnswer {
  readsLeft: number;
  /** Milliseconds since the epoch. */
  until: number;
}

/** What reads of a path get for a while after a write to it: the answer of before. */
export class StaleReads {
  readonly #kept = new Map<string, Kept>();

  /** Keeps the answer for that many reads and that long; one read where neither is given. */
  keep(
    path: string,
    answer: EarlierAnswer,
    limits: { reads?: number | undefined; milliseconds?: number | undefined },
  ): void {
    this.#kept.set(path.toLowerCase(), {
      ...answer,
      readsLeft: limits.reads ?? (limits.milliseconds === undefined ? 1 : Number.POSITIVE_INFINITY),
      until: Date.now() + (limits.milliseconds ?? Number.POSITIVE_INFINITY),
    });
  }

  /** The earlier answer for one read, while there is one. */
  take(path: string): EarlierAnswer | undefined {
    const key = path.toLowerCase();
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    kept.readsLeft -= 1;
    const isGood = kept.readsLeft >= 0 && Date.now() < kept.until;
    if (!isGood || kept.readsLeft === 0) this.#kept.delete(key);
    return isGood ? kept : undefined;
  }
}
