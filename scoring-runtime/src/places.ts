/** A number of places; whoever finds none free waits, in order. */
export class Places {
  readonly #waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async take(): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  /** Hands a place to the one who waits longest. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.free++;
  }
}
