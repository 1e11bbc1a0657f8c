import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type InputSpec, type Manifest, ManifestError, parseJson } from '../manifest';
import type { DeclaredModel, DeclaredTensor, Model } from '../model';
import { resolveSignature } from '../model-signature';
import type { ModelFolder } from './model-folder';

/** A manifest that nobody wrote, and what in it is a guess. */
export interface InferredManifest {
  readonly manifest: Manifest;
  readonly guesses: readonly string[];
}

/** What image classifiers are trained with unless they say otherwise. */
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/**
 * What the manifest of a model would say, from its ONNX file, from the `config.json` and `preprocessor_config.json` that
 * Hugging Face models come with, and from `labels.txt`, one label a line.
 * @throws ManifestError when the file does not tell even what shape it takes
 */
export async function inferManifest(
  folder: ModelFolder,
  declared: DeclaredModel,
  model: Model,
): Promise<InferredManifest> {
  const place = join(folder.root, folder.prefix);
  const guesses: string[] = [];
  const input = await inferInput(declared, place, guesses);
  const start = { schemaVersion: 1 as const, name: nameOf(folder), model: folder.model, input };
  const [first, ...others] = declared.outputs;
  const classes = first && others.length === 0 && first.shape.length === 2 ? first.shape[1] : undefined;
  if (first?.type !== 'float32' || typeof classes !== 'number') {
    guesses.push(`output.tensors: every output, because they are not one score a label`);
    return { manifest: { ...start, output: { tensors: declared.outputs.map(({ name }) => name) } }, guesses };
  }
  const count = classes === 1 ? 2 : classes;
  let labels = await readLabels(place);
  if (labels && labels.length !== count) {
    guesses.push(`labels: numbers, because the ${labels.length} that are there do not fit ${count} scores`);
    labels = undefined;
  } else if (!labels) guesses.push('labels: numbers, because there is no labels.txt and no config.json with id2label');
  labels ??= Array.from({ length: count }, (_, index) => String(index));
  const activation = await inferActivation(model, declared, input);
  guesses.push(`output.activation: ${activation}, by the scores of three plain inputs`);
  return { manifest: { ...start, output: { activation }, labels }, guesses };
}

function nameOf({ root, prefix, model }: ModelFolder): string {
  const file = basename(model, '.onnx');
  return prefix === '' ? (file === 'model' ? basename(root) : file) : prefix.slice(0, -1);
}

async function inferInput({ inputs }: DeclaredModel, place: string, guesses: string[]): Promise<InputSpec> {
  const [input] = inputs;
  const spec = await readJson(join(place, 'preprocessor_config.json'));
  const size = input && imageSize(input);
  if (!input || !size)
    throw new ManifestError(
      `The model takes ${inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; ') || 'nothing'}, which is no image; a guardian-model.json must say how to feed it.`,
    );
  const { layout } = size;
  const { crop, resize } = huggingFaceSize(spec);
  const width = size.width ?? crop?.width ?? resize?.width ?? 224;
  const height = size.height ?? crop?.height ?? resize?.height ?? 224;
  const base = { name: input.name, layout, channels: 'RGB' as const, width, height };
  if (input.type === 'uint8') {
    guesses.push('input.channels: RGB');
    return { ...base, resize: 'stretch', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] };
  }
  if (!spec) {
    guesses.push(
      `input: ${width} x ${height}, RGB, stretched, scaled to 0..1, mean and deviation of ImageNet; there is no preprocessor_config.json`,
    );
    return { ...base, resize: 'stretch', scale: 1 / 255, mean: [...imageNet.mean], std: [...imageNet.std] };
  }
  const filter = { 1: 'lanczos', 3: 'bicubic' }[Number(spec['resample'])] as 'lanczos' | 'bicubic' | undefined;
  const normalise = spec['do_normalize'] !== false;
  return {
    ...base,
    ...(resize?.shortest === undefined
      ? { resize: 'stretch' as const }
      : { resize: 'shortest-side-crop' as const, resizeTo: Math.max(resize.shortest, width, height) }),
    ...(filter ? { filter } : {}),
    scale: spec['do_rescale'] === false ? 1 : numberOr(spec['rescale_factor'], 1 / 255),
    mean: normalise ? triple(spec['image_mean'], imageNet.mean) : [0, 0, 0],
    std: normalise ? triple(spec['image_std'], imageNet.std) : [1, 1, 1],
  };
}

interface Size {
  readonly layout: 'NCHW' | 'NHWC';
  readonly width: number | undefined;
  readonly height: number | undefined;
}

/** Where the three channels stand decides the layout; a size that may vary is undefined. */
function imageSize({ shape }: DeclaredTensor): Size | undefined {
  if (shape.length !== 4) return undefined;
  const number = (index: number) => (typeof shape[index] === 'number' ? shape[index] : undefined);
  if (shape[1] === 3) return { layout: 'NCHW', height: number(2), width: number(3) };
  if (shape[3] === 3) return { layout: 'NHWC', height: number(1), width: number(2) };
  return undefined;
}

type Json = Readonly<Record<string, unknown>>;

interface Sides {
  readonly width?: number;
  readonly height?: number;
  readonly shortest?: number;
}

/** https://huggingface.co/docs/transformers/main_classes/image_processor: a number is both sides, or the shorter one where a crop follows. */
function huggingFaceSize(spec: Json | undefined): { crop: Sides | undefined; resize: Sides | undefined } {
  const sides = (value: unknown): Sides | undefined => {
    if (typeof value === 'number') return { width: value, height: value };
    if (typeof value !== 'object' || value === null) return undefined;
    const { width, height, shortest_edge: shortest } = value as Record<string, unknown>;
    return {
      ...(typeof width === 'number' && typeof height === 'number' ? { width, height } : {}),
      ...(typeof shortest === 'number' ? { shortest } : {}),
    };
  };
  const crop = spec?.['do_center_crop'] === true ? sides(spec['crop_size']) : undefined;
  const resize = spec?.['do_resize'] === false ? undefined : sides(spec?.['size']);
  const shortest = resize?.shortest ?? (crop ? resize?.width : undefined);
  return { crop, resize: shortest === undefined ? resize : { ...resize, shortest } };
}

/** Scores that stay probabilities for any input are none that an activation is still to be applied to. */
async function inferActivation(
  model: Model,
  declared: DeclaredModel,
  input: InputSpec,
): Promise<'softmax' | 'sigmoid' | 'none'> {
  const form = resolveSignature(declared, input, {});
  let ready = true;
  let scores = 0;
  for (const level of [0, 1, -20]) {
    const [row] = await model.run([new Float32Array(3 * input.width * input.height).fill(level)], form);
    if (!row || 'failure' in row) throw new ManifestError(`The model cannot be run: ${row?.failure ?? 'no answer'}`);
    const values = [...((row.outputs[0]?.data ?? []) as Float32Array)];
    scores = values.length;
    const sum = values.reduce((total, value) => total + value, 0);
    ready &&= values.every(value => value >= 0 && value <= 1) && (scores === 1 || Math.abs(sum - 1) < 1e-3);
  }
  return ready ? 'none' : scores === 1 ? 'sigmoid' : 'softmax';
}

async function readLabels(place: string): Promise<string[] | undefined> {
  const lines = await readFile(join(place, 'labels.txt'), 'utf8').catch(() => undefined);
  if (lines !== undefined)
    return lines
      .split(/\r?\n/)
      .map(line => line.trim())
      .filter(line => line !== '');
  const named = (await readJson(join(place, 'config.json')))?.['id2label'];
  if (typeof named !== 'object' || named === null) return undefined;
  return Object.entries(named)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => String(label));
}

async function readJson(file: string): Promise<Json | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (parseJson(text, file) as Json);
}

function numberOr(value: unknown, standard: number): number {
  return typeof value === 'number' ? value : standard;
}

function triple(value: unknown, standard: readonly [number, number, number]): [number, number, number] {
  const [red, green, blue] = Array.isArray(value) ? (value as unknown[]) : [];
  return [numberOr(red, standard[0]), numberOr(green, standard[1]), numberOr(blue, standard[2])];
}
