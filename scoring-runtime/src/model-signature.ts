import type { InputSpec, OutputSpec } from './manifest';
import type { BatchForm, DeclaredModel, DeclaredTensor } from './model';

/** How the model is called. */
export interface Signature extends BatchForm {
  readonly outputs: readonly OutputSignature[];
  /** 1 when the model takes single images only, else Infinity. */
  readonly maxBatch: number;
}

export interface OutputSignature {
  readonly name: string;
  readonly type: string;
  /** As declared, the batch axis included. */
  readonly shape: readonly (number | string)[];
  readonly perImage: boolean;
}

/** The shape of one image as the model's input. */
export function imageShape({ layout, width, height }: InputSpec): number[] {
  return layout === 'NCHW' ? [3, height, width] : [height, width, 3];
}

/**
 * Matches what the ONNX file takes and gives with what the manifest says, so that a model that does not fit is refused
 * at the start and not at the first image.
 * @throws Error saying what does not fit
 */
export function resolveSignature(model: DeclaredModel, spec: InputSpec, output: OutputSpec): Signature {
  const input = chooseInput(model.inputs, spec.name);
  const { type } = input;
  if (type !== 'float32' && type !== 'uint8')
    throw new Error(`The model's input ${input.name} is ${type ?? 'no tensor'}; only float32 and uint8 are supported.`);
  if (type === 'uint8' && !isRawLevels(spec))
    throw new Error(
      `The model's input ${input.name} is uint8, so it takes the levels as they are: scale must be 1, mean 0 and std 1.`,
    );
  const wanted = imageShape(spec);
  const fits =
    input.shape.length === 4 &&
    wanted.every((size, index) => typeof input.shape[index + 1] === 'string' || input.shape[index + 1] === size);
  if (!fits) {
    throw new Error(
      `The model's input ${input.name} has the shape [${input.shape.join(', ')}], but by the manifest it would get [N, ${wanted.join(', ')}] (${spec.layout}).`,
    );
  }
  const batch = input.shape[0];
  if (typeof batch === 'number' && batch !== 1) {
    throw new Error(
      `The model was exported for batches of exactly ${batch}; export it with a dynamic batch axis, or for single images.`,
    );
  }
  const outputs = output.tensors
    ? output.tensors.map(name => tensorOutput(model.outputs, name, batch))
    : [scores(model.outputs, output.name)];
  const alone = batch === 1 || outputs.some(({ perImage }) => !perImage);
  return { input: { name: input.name, type, shape: wanted }, outputs, maxBatch: alone ? 1 : Infinity };
}

function isRawLevels({ scale, mean, std }: InputSpec): boolean {
  return scale === 1 && mean.every(value => value === 0) && std.every(value => value === 1);
}

function chooseInput(inputs: readonly DeclaredTensor[], name: string | undefined): DeclaredTensor {
  const [first, ...more] = inputs;
  if (first && more.length === 0 && (name === undefined || first.name === name)) return first;
  const names = inputs.map(value => value.name).join(', ');
  if (more.length === 0) throw new Error(`The model has no input ${name ?? ''}; it has ${names || 'none'}.`);
  throw new Error(`The model needs more inputs than an image: ${names}.`);
}

/** A second output is common (features beside scores); then the first one is meant. */
function scores(outputs: readonly DeclaredTensor[], name: string | undefined): OutputSignature {
  const found = name === undefined ? outputs[0] : outputs.find(output => output.name === name);
  if (!found) throw noOutput(outputs, name ?? '');
  if (found.type !== 'float32')
    throw new Error(
      `The model's ${found.name} is ${found.type ?? 'no tensor'}; labels are read from float32 only. Name it in output.tensors to have it returned as it is.`,
    );
  return { name: found.name, type: found.type, shape: found.shape, perImage: true };
}

function tensorOutput(
  outputs: readonly DeclaredTensor[],
  name: string,
  batch: number | string | undefined,
): OutputSignature {
  const found = outputs.find(output => output.name === name);
  if (!found) throw noOutput(outputs, name);
  if (found.type === undefined) throw new Error(`The model's ${name} is no tensor and cannot be returned.`);
  // Detectors give lists over all images, too: only an axis that is declared to be the same is the batch.
  return { name, type: found.type, shape: found.shape, perImage: found.shape.length > 0 && found.shape[0] === batch };
}

function noOutput(outputs: readonly DeclaredTensor[], name: string): Error {
  return new Error(`The model has no output ${name}; it has ${outputs.map(output => output.name).join(', ')}.`);
}
