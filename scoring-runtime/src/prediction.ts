import type { Manifest } from './manifest';
import type { OutputTensor } from './model';

/** Which model gave an answer. */
export interface AnsweredBy {
  /** `name:version` of the model, or its name alone where no version was given. */
  readonly model: string;
  /** SHA-256 over the model's files. */
  readonly digest: string;
}

/** The answer for one image of a model with labels. */
export interface Prediction extends AnsweredBy {
  readonly label: string;
  readonly probability: number;
  readonly probabilities: Readonly<Record<string, number>>;
}

/** What a model with labels says of one image, whoever it is. */
export type Verdict = Omit<Prediction, keyof AnsweredBy>;

/**
 * Reads the model's output for one image as probabilities. A single sigmoid (or ready-made) value with two labels is
 * the probability of the second one.
 * @throws Error when it does not fit the labels or holds no numbers
 */
export function toVerdict({ data }: OutputTensor, manifest: Manifest): Verdict {
  const { output, labels = [], thresholds = {} } = manifest;
  const values = probabilities([...(data as Float32Array)], output.activation);
  const all = values.length === 1 && labels.length === 2 ? [1 - (values[0] ?? NaN), ...values] : values;
  if (all.length !== labels.length) {
    throw new Error(`The model gives ${all.length} values an image, but the manifest has ${labels.length} labels.`);
  }
  if (!all.every(Number.isFinite)) throw new Error('The model gave a value that is no number.');
  const best = choose(all, labels, thresholds);
  return {
    label: labels[best] ?? '',
    probability: all[best] ?? 0,
    probabilities: Object.fromEntries(labels.map((label, index) => [label, all[index] ?? 0])),
  };
}

/** A label that reaches its threshold comes before those that have none; among equals the more probable one. */
function choose(
  all: readonly number[],
  labels: readonly string[],
  thresholds: Readonly<Record<string, number>>,
): number {
  const indexes = all.map((_, index) => index);
  const threshold = (index: number) => thresholds[labels[index] ?? ''];
  const reached = indexes.filter(index => (all[index] ?? 0) >= (threshold(index) ?? Infinity));
  const candidates = reached.length > 0 ? reached : indexes.filter(index => threshold(index) === undefined);
  return candidates.reduce((best, index) => ((all[index] ?? 0) > (all[best] ?? 0) ? index : best), candidates[0] ?? 0);
}

function probabilities(values: number[], activation: Manifest['output']['activation']): number[] {
  switch (activation) {
    case undefined:
    case 'none':
      return values;
    case 'sigmoid':
      return values.map(value => 1 / (1 + Math.exp(-value)));
    case 'softmax': {
      const largest = Math.max(...values);
      const powers = values.map(value => Math.exp(value - largest));
      const sum = powers.reduce((total, power) => total + power, 0);
      return powers.map(power => power / sum);
    }
  }
}
