import { ScoringError } from './scoring-error';
import type { ServedModels } from './served-model';

export type Phase =
  | { readonly name: 'loading' }
  | { readonly name: 'ready'; readonly models: ServedModels }
  | { readonly name: 'failed'; readonly reason: string }
  | { readonly name: 'draining'; readonly models: ServedModels | undefined };

/** Where the server is in its life, which decides what the probes and the scoring routes answer. */
export class Readiness {
  #phase: Phase = { name: 'loading' };

  get phase(): Phase {
    return this.#phase;
  }

  /** The models, also for requests that still arrive while the server drains. */
  get models(): ServedModels | undefined {
    return 'models' in this.#phase ? this.#phase.models : undefined;
  }

  /** The models. @throws ScoringError saying why there are none yet */
  loaded(): ServedModels {
    const { models } = this;
    if (!models) throw new ScoringError('NotReady', this.reason ?? '', 1);
    return models;
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

  ready(models: ServedModels): void {
    if (this.#phase.name === 'loading') this.#phase = { name: 'ready', models };
  }

  failed(reason: string): void {
    if (this.#phase.name === 'loading') this.#phase = { name: 'failed', reason };
  }

  drain(): void {
    this.#phase = { name: 'draining', models: this.models };
  }
}
