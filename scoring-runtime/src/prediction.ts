import type { Manifest } from './manifest';

/** The answer for one image. */
export interface Prediction {
  /** `name:version` of the model, or its name alone where no version was given. */
  readonly model: string;
  readonly label: string;
  readonly probability: number;
  readonly probabilities: Readonly<Record<string, number>>;
}

/**
 * Reads one row of the model's output as probabilities. A single sigmoid (or ready-made) value with two labels is the
 * probability of the second one.
 * @throws Error when the row does not fit the labels or holds no numbers
 */
export function toPrediction(model: string, row: Float32Array, { output, labels }: Manifest): Prediction {
  const values = probabilities(row, output.activation);
  const all = values.length === 1 && labels.length === 2 ? [1 - (values[0] ?? NaN), ...values] : values;
  if (all.length !== labels.length) {
    throw new Error(`The model gives ${all.length} values an image, but the manifest has ${labels.length} labels.`);
  }
  if (!all.every(Number.isFinite)) throw new Error('The model gave a value that is no number.');
  const best = all.indexOf(Math.max(...all));
  return {
    model,
    label: labels[best] ?? '',
    probability: all[best] ?? 0,
    probabilities: Object.fromEntries(labels.map((label, index) => [label, all[index] ?? 0])),
  };
}

function probabilities(row: Float32Array, activation: Manifest['output']['activation']): number[] {
  const values = [...row];
  switch (activation) {
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
