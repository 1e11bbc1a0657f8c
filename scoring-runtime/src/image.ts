import sharp from 'sharp';
import { type Pixels, resizeBilinear } from './bilinear-resize';
import type { InputSpec } from './manifest';
import { ScoringError } from './scoring-error';

/** One image as the model wants it, and what it took. */
export interface DecodedImage {
  /** `3 * height * width` values in the manifest's layout. */
  readonly values: Float32Array;
  readonly decodeMilliseconds: number;
  readonly resizeMilliseconds: number;
}

/**
 * How far a JPEG may be scaled down while it is decoded: the rest is left to the resize. With at least 3 the result
 * stays within 3 of 255 levels, 0.25 on average, of the decode in full (measured on photographs).
 */
const leastRest = 3;

/**
 * Decodes a JPEG, PNG or WebP, turns it upright by its EXIF orientation and brings it to the model's input. Colour
 * profiles and transparency are ignored, as Pillow's `convert('RGB')` does in training.
 * @throws ScoringError for bytes that are no such image, are cut off, or have more than `maxPixels`
 */
export async function decodeImage(bytes: Uint8Array, spec: InputSpec, maxPixels: number): Promise<DecodedImage> {
  const started = performance.now();
  requireKnownFormat(bytes);
  const pixels = await readPixels(bytes, spec, maxPixels);
  const decoded = performance.now();
  const values = normalise(fit(pixels, spec), spec);
  return {
    values,
    decodeMilliseconds: decoded - started,
    resizeMilliseconds: performance.now() - decoded,
  };
}

/** The native library reads many formats more; only those that are promised reach it. */
function requireKnownFormat(bytes: Uint8Array): void {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16)).toString('latin1');
  if (/^\xff\xd8\xff|^\x89PNG\r\n|^RIFF[^]{4}WEBP/.test(head)) return;
  const other = /^(GIF8|BM|II\*\0|MM\0\*|<svg|<\?xml|%PDF)|^[^]{4}ftyp/.exec(head);
  if (other) throw new ScoringError('UnsupportedMediaType', 'The image is neither JPEG, PNG nor WebP.');
  throw new ScoringError(
    'InvalidImage',
    bytes.length === 0 ? 'The image is empty.' : 'The bytes are not a JPEG, PNG or WebP image.',
  );
}

async function readPixels(bytes: Uint8Array, spec: InputSpec, maxPixels: number): Promise<Pixels> {
  try {
    // Warnings are common in photographs that every viewer shows; a file that is cut off is refused, as Pillow does.
    const image = sharp(bytes, { failOn: 'truncated', limitInputPixels: false, ignoreIcc: true });
    const { format, autoOrient } = await image.metadata();
    const { width, height } = autoOrient;
    if (width * height > maxPixels) {
      throw new ScoringError(
        'ImageTooLarge',
        `The image has ${width} x ${height} pixels; this server accepts up to ${maxPixels} pixels.`,
      );
    }
    const shrink = format === 'jpeg' ? shrinkOnLoad(width, height, spec) : 1;
    if (shrink > 1) image.resize(Math.ceil(width / shrink), Math.ceil(height / shrink), { fit: 'fill' });
    const { data, info } = await image
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data: info.channels === 1 ? grey(data) : data, width: info.width, height: info.height };
  } catch (error) {
    if (error instanceof ScoringError) throw error;
    const [reason = 'unknown reason'] = (error instanceof Error ? error.message : String(error)).trim().split('\n');
    throw new ScoringError('InvalidImage', `The image cannot be decoded: ${reason.slice(0, 200)}`, undefined, {
      cause: error,
    });
  }
}

/** The reduction that the JPEG decoder does almost for free: 8, 4, 2 or none. */
function shrinkOnLoad(width: number, height: number, spec: InputSpec): number {
  const target = sizeBeforeCrop(width, height, spec);
  const reduction = Math.min(width / target.width, height / target.height);
  return [8, 4, 2].find(factor => reduction / factor >= leastRest) ?? 1;
}

/** What the whole image is scaled to; torchvision's Resize truncates the longer side. */
function sizeBeforeCrop(width: number, height: number, spec: InputSpec): { width: number; height: number } {
  if (spec.resize === 'stretch' || spec.resizeTo === undefined) return { width: spec.width, height: spec.height };
  return width <= height
    ? { width: spec.resizeTo, height: Math.trunc((spec.resizeTo * height) / width) }
    : { width: Math.trunc((spec.resizeTo * width) / height), height: spec.resizeTo };
}

function fit(image: Pixels, spec: InputSpec): Pixels {
  const size = sizeBeforeCrop(image.width, image.height, spec);
  const resized = resizeBilinear(image, size.width, size.height);
  if (resized.width === spec.width && resized.height === spec.height) return resized;
  // torchvision's CenterCrop rounds half to even, as Python does.
  const left = roundHalfToEven((resized.width - spec.width) / 2);
  const top = roundHalfToEven((resized.height - spec.height) / 2);
  const data = new Uint8Array(spec.width * spec.height * 3);
  for (let y = 0; y < spec.height; y++) {
    const start = ((top + y) * resized.width + left) * 3;
    data.set(resized.data.subarray(start, start + spec.width * 3), y * spec.width * 3);
  }
  return { data, width: spec.width, height: spec.height };
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

function normalise({ data }: Pixels, spec: InputSpec): Float32Array {
  const values = new Float32Array(data.length);
  const plane = data.length / 3;
  const planes = spec.layout === 'NCHW';
  for (let channel = 0; channel < 3; channel++) {
    // Mean and deviation are in the order of the model's channels, as its training wrote them.
    const table = Float32Array.from(
      { length: 256 },
      (_, level) => (level * spec.scale - (spec.mean[channel] ?? 0)) / (spec.std[channel] ?? 1),
    );
    let source = spec.channels === 'RGB' ? channel : 2 - channel;
    let target = planes ? channel * plane : channel;
    const step = planes ? 1 : 3;
    for (let i = 0; i < plane; i++) {
      values[target] = table[data[source] as number] as number;
      source += 3;
      target += step;
    }
  }
  return values;
}

function grey(data: Uint8Array): Uint8Array {
  const result = new Uint8Array(data.length * 3);
  for (let i = 0; i < data.length; i++) result.fill(data[i] as number, i * 3, i * 3 + 3);
  return result;
}
