import * as z from 'zod/mini';
import { en as english } from 'zod/locales';
import { messageOf } from './error-message';

z.config(english());

const text = z.string().check(z.minLength(1));
const pixels = z.int().check(z.minimum(1), z.maximum(8192));
const perChannel = z.tuple([z.number(), z.number(), z.number()]);
const probability = z.number().check(z.minimum(0), z.maximum(1));
/** A file inside the model folder; nothing above it can be named. */
const localFile = z
  .string()
  .check(z.regex(/^(?![/\\])(?!.*(?:^|[/\\])\.\.(?:[/\\]|$))[^:\0]+$/, 'Must name a file inside the model folder'));

/**
 * What guardian-model.json says: how an image becomes the model's input, and what its output means. Unknown keys on the
 * first level are left alone, so that training can note more; inside input and output they would change numbers.
 */
export const manifestSchema = z.looseObject({
  schemaVersion: z.literal(1),
  name: text,
  model: localFile,
  digest: z.optional(
    z.string().check(z.regex(/^[0-9a-f]{64}$/, 'Must be the SHA-256 of the model file, 64 hex digits')),
  ),
  input: z.strictObject({
    name: z.optional(text),
    layout: z.enum(['NCHW', 'NHWC']),
    channels: z.enum(['RGB', 'BGR']),
    width: pixels,
    height: pixels,
    resize: z.enum(['stretch', 'shortest-side-crop', 'letterbox']),
    resizeTo: z.optional(pixels),
    filter: z.optional(z.enum(['bilinear', 'bicubic', 'lanczos', 'opencv-linear'])),
    padding: z.optional(z.int().check(z.minimum(0), z.maximum(255))),
    scale: z.number(),
    mean: perChannel,
    std: perChannel,
  }),
  output: z.strictObject({
    name: z.optional(text),
    activation: z.optional(z.enum(['softmax', 'sigmoid', 'none'])),
    tensors: z.optional(z.array(text).check(z.minLength(1))),
  }),
  labels: z.optional(z.array(text).check(z.minLength(1))),
  thresholds: z.optional(z.record(text, probability)),
  warmup: z.optional(
    z.strictObject({
      image: localFile,
      label: z.optional(text),
      probabilities: z.optional(z.record(text, probability)),
      tolerance: z.optional(probability),
    }),
  ),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type InputSpec = Manifest['input'];
export type OutputSpec = Manifest['output'];

export const manifestFile = 'guardian-model.json';

/** Raised for a manifest that cannot be followed, with every problem found. */
export class ManifestError extends Error {}

/**
 * @param file where it is from, for messages
 * @throws ManifestError listing each field that is wrong and why
 */
export function parseManifest(json: string, file = manifestFile): Manifest {
  const parsed = manifestSchema.safeParse(parseJson(json, file));
  const problems = parsed.success
    ? contradictions(parsed.data)
    : parsed.error.issues.map(issue => `${issue.path.join('.') || 'the document'}: ${issue.message}`);
  if (!parsed.success || problems.length > 0) throw new ManifestError(`${file} is not valid. ${problems.join('; ')}`);
  return parsed.data;
}

/** @throws ManifestError when the file's text is not JSON */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ManifestError(`${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** What the schema cannot say: rules over more than one field. */
function contradictions({ input, output, labels = [], thresholds = {}, warmup }: Manifest): string[] {
  const problems = inputContradictions(input);
  if (output.tensors) {
    if (output.activation !== undefined || output.name !== undefined)
      problems.push('output.tensors: has no activation and no name beside it; the tensors are returned as they are');
    if (Object.keys(thresholds).length > 0) problems.push('thresholds: have no meaning with output.tensors');
    if (warmup?.label !== undefined || warmup?.probabilities)
      problems.push('warmup: a label or probabilities cannot be expected with output.tensors');
    return problems;
  }
  if (output.activation === undefined) problems.push('output.activation: needed, unless output.tensors names outputs');
  if (labels.length === 0) problems.push('labels: needed, unless output.tensors names outputs');
  const twice = labels.find((label, index) => labels.indexOf(label) !== index);
  if (twice !== undefined) problems.push(`labels: '${twice}' is there twice`);
  const unknown = (label: string) => !labels.includes(label);
  for (const label of Object.keys(thresholds).filter(unknown))
    problems.push(`thresholds: '${label}' is none of the labels`);
  if (labels.length > 0 && labels.every(label => thresholds[label] !== undefined))
    problems.push('thresholds: one label must have none, to be the answer when no threshold is reached');
  if (warmup?.label !== undefined && unknown(warmup.label))
    problems.push(`warmup.label: '${warmup.label}' is none of the labels`);
  for (const label of Object.keys(warmup?.probabilities ?? {}).filter(unknown))
    problems.push(`warmup.probabilities: '${label}' is none of the labels`);
  return problems;
}

function inputContradictions(input: InputSpec): string[] {
  const problems: string[] = [];
  if (input.std.includes(0)) problems.push('input.std: 0 would divide by zero');
  if (input.resize === 'shortest-side-crop') {
    if (input.resizeTo === undefined) problems.push("input.resizeTo: needed with resize 'shortest-side-crop'");
    else if (input.resizeTo < Math.max(input.width, input.height))
      problems.push('input.resizeTo: less than width or height, so the crop would not fit');
  } else if (input.resizeTo !== undefined)
    problems.push(`input.resizeTo: has no meaning with resize '${input.resize}'`);
  if (input.padding !== undefined && input.resize !== 'letterbox')
    problems.push(`input.padding: has no meaning with resize '${input.resize}'`);
  return problems;
}
