import { ScoringError } from '../scoring-error';
import type { Admission } from './admission';

/**
 * The places of one request among those of the server. They are free again when both its answer is out, or its client
 * gone, and its work is over: what is computed for nobody still needs its memory.
 */
export class Reservation {
  #held = 0;
  #open = 1;

  constructor(private readonly admission: Admission) {}

  /** Makes it `count` places, one for each image. @throws ScoringError when they are not free, or could never be */
  take(count: number): void {
    const { capacity, inside } = this.admission;
    if (count > capacity)
      throw new ScoringError(
        'PayloadTooLarge',
        `The request has too many images; this server takes at most ${capacity} at once.`,
      );
    if (!this.admission.enter(count - this.#held))
      throw new ScoringError(
        'TooManyRequests',
        `This server is working on ${inside} images and takes no more than ${capacity}.`,
        1,
      );
    this.#held = count;
  }

  /** @param work holds the places until it is settled, whatever becomes of the answer */
  keepFor(work: Promise<unknown>): void {
    this.#open++;
    const end = () => this.end();
    work.then(end, end);
  }

  /** The answer is out, or nobody waits for it. */
  end(): void {
    if (--this.#open === 0) this.admission.leave(this.#held);
  }
}
