import * as z from 'zod/mini';
import { en as english } from 'zod/locales';

z.config(english());

const text = z.string().check(z.minLength(1));
const pixels = z.int().check(z.minimum(1), z.maximum(8192));
const perChannel = z.tuple([z.number(), z.number(), z.number()]);
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
  input: z.strictObject({
    name: z.optional(text),
    layout: z.enum(['NCHW', 'NHWC']),
    channels: z.enum(['RGB', 'BGR']),
    width: pixels,
    height: pixels,
    resize: z.enum(['stretch', 'shortest-side-crop']),
    resizeTo: z.optional(pixels),
    scale: z.number(),
    mean: perChannel,
    std: perChannel,
  }),
  output: z.strictObject({
    name: z.optional(text),
    activation: z.enum(['softmax', 'sigmoid', 'none']),
  }),
  labels: z.array(text).check(z.minLength(1)),
  warmup: z.optional(z.strictObject({ image: localFile, label: z.optional(text) })),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type InputSpec = Manifest['input'];

export const manifestFile = 'guardian-model.json';

/** Raised for a manifest that cannot be followed, with every problem found. */
export class ManifestError extends Error {}

/** @throws ManifestError listing each field that is wrong and why */
export function parseManifest(json: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new ManifestError(`${manifestFile} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const parsed = manifestSchema.safeParse(value);
  const problems = parsed.success
    ? contradictions(parsed.data)
    : parsed.error.issues.map(issue => `${issue.path.join('.') || 'the document'}: ${issue.message}`);
  if (!parsed.success || problems.length > 0)
    throw new ManifestError(`${manifestFile} is not valid. ${problems.join('; ')}`);
  return parsed.data;
}

/** What the schema cannot say: rules over more than one field. */
function contradictions({ input, labels, warmup }: Manifest): string[] {
  const problems: string[] = [];
  if (input.std.includes(0)) problems.push('input.std: 0 would divide by zero');
  if (input.resize === 'shortest-side-crop') {
    if (input.resizeTo === undefined) problems.push("input.resizeTo: needed with resize 'shortest-side-crop'");
    else if (input.resizeTo < Math.max(input.width, input.height))
      problems.push('input.resizeTo: less than width or height, so the crop would not fit');
  } else if (input.resizeTo !== undefined) problems.push("input.resizeTo: has no meaning with resize 'stretch'");
  const twice = labels.find((label, index) => labels.indexOf(label) !== index);
  if (twice !== undefined) problems.push(`labels: '${twice}' is there twice`);
  if (warmup?.label !== undefined && !labels.includes(warmup.label))
    problems.push(`warmup.label: '${warmup.label}' is none of the labels`);
  return problems;
}
