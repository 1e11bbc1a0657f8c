/** Bounds the images that are in the server at once, so that overload is answered early and memory stays flat. */
export class Admission {
  #inside = 0;

  constructor(readonly capacity: number) {}

  get inside(): number {
    return this.#inside;
  }

  /** Takes `count` places; false, and nothing taken, when they are not free. */
  enter(count: number): boolean {
    if (this.#inside + count > this.capacity) return false;
    this.#inside += count;
    return true;
  }

  leave(count: number): void {
    this.#inside -= count;
  }
}
