import type { InferenceSession } from 'onnxruntime-node';
import type { InputSpec } from './manifest';

/** How the model is called. */
export interface Signature {
  readonly input: string;
  readonly output: string;
  /** 1 when the model was exported for single images, else Infinity. */
  readonly maxBatch: number;
}

type Described = Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>;

/**
 * Matches what the ONNX file takes and gives with what the manifest says, so that a model that does not fit is refused
 * at the start and not at the first image.
 * @throws Error saying what does not fit
 */
export function resolveSignature(session: Described, spec: InputSpec, outputName: string | undefined): Signature {
  const input = choose(session.inputMetadata, spec.name, 'input');
  const output = choose(session.outputMetadata, outputName, 'output');
  for (const value of [input, output]) {
    if (!value.isTensor || value.type !== 'float32') {
      throw new Error(
        `The model's ${value.name} is ${value.isTensor ? value.type : 'no tensor'}; only float32 is supported.`,
      );
    }
  }
  const shape = input.isTensor ? input.shape : [];
  const { layout, width, height } = spec;
  const wanted = layout === 'NCHW' ? [3, height, width] : [height, width, 3];
  const fits =
    shape.length === 4 &&
    wanted.every((size, index) => typeof shape[index + 1] === 'string' || shape[index + 1] === size);
  if (!fits) {
    throw new Error(
      `The model's input ${input.name} has the shape [${shape.join(', ')}], but by the manifest it would get [N, ${wanted.join(', ')}] (${layout}).`,
    );
  }
  const batch = shape[0];
  if (typeof batch === 'number' && batch !== 1) {
    throw new Error(
      `The model was exported for batches of exactly ${batch}; export it with a dynamic batch axis, or for single images.`,
    );
  }
  return { input: input.name, output: output.name, maxBatch: batch === 1 ? 1 : Infinity };
}

function choose(
  values: readonly InferenceSession.ValueMetadata[],
  name: string | undefined,
  what: 'input' | 'output',
): InferenceSession.ValueMetadata {
  const names = values.map(value => value.name).join(', ');
  const found = name === undefined ? values : values.filter(value => value.name === name);
  const [first] = found;
  if (!first) throw new Error(`The model has no ${what} ${name ?? ''}; it has ${names}.`);
  // A second output is common (features beside logits) and then the first one is meant; a second input is not.
  if (found.length > 1 && what === 'input')
    throw new Error(`The model has several inputs (${names}); input.name in the manifest must name the image.`);
  if (values.length > 1 && what === 'input') throw new Error(`The model needs more inputs than an image: ${names}.`);
  return first;
}
