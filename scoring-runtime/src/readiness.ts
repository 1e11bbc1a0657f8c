import type { ServedModel } from './served-model';

export type Phase =
  | { readonly name: 'loading' }
  | { readonly name: 'ready'; readonly model: ServedModel }
  | { readonly name: 'failed'; readonly reason: string }
  | { readonly name: 'draining'; readonly model: ServedModel | undefined };

/** Where the server is in its life, which decides what the probes and /score answer. */
export class Readiness {
  #phase: Phase = { name: 'loading' };

  get phase(): Phase {
    return this.#phase;
  }

  /** The model, also for requests that still arrive on open connections while the server drains. */
  get model(): ServedModel | undefined {
    return 'model' in this.#phase ? this.#phase.model : undefined;
  }

  /** Why requests are not wanted; undefined when they are. */
  get reason(): string | undefined {
    switch (this.#phase.name) {
      case 'ready':
        return undefined;
      case 'loading':
        return 'The model is being loaded.';
      case 'draining':
        return 'The server is shutting down.';
      case 'failed':
        return this.#phase.reason;
    }
  }

  ready(model: ServedModel): void {
    if (this.#phase.name === 'loading') this.#phase = { name: 'ready', model };
  }

  failed(reason: string): void {
    if (this.#phase.name === 'loading') this.#phase = { name: 'failed', reason };
  }

  drain(): void {
    this.#phase = { name: 'draining', model: this.model };
  }
}
