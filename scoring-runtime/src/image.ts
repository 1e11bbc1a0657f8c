import sharp from 'sharp';
import { messageOf } from './error-message';
import { exifOrientation } from './exif-orientation';
import { JpegLibrary } from './jpeg-library';
import type { ImageTimes, Tensor } from './image-pool';
import type { InputSpec } from './manifest';
import { type Pixels, Resampler, type Turn, upright } from './resample';
import { sizeBeforeCrop } from './resample-weights';
import { ScoringError } from './scoring-error';

/**
 * How far a JPEG may be scaled down while it is decoded: the rest is left to the resize. With at least 3 the result
 * stays within 3 of 255 levels, 0.25 on average, of the decode in full (measured on photographs).
 */
const leastRest = 3;

/** Images of more pixels are scaled down while they are decoded; below, that would gain little time and no memory. */
const largePixels = 4_000_000;

/** What one image needs at most and a thread may keep for the next one, in bytes. */
const keptMemory = 32 * 1024 * 1024;

/**
 * Brings images to a model's input. JPEGs are decoded by libjpeg-turbo into memory that is used again, which takes a third of the time
 * that libvips needs; everything else, and whatever libjpeg-turbo does not take, goes through libvips.
 */
export class ImageReader {
  readonly #jpegs = JpegLibrary.find();
  #resampler: Resampler;

  constructor(
    private readonly spec: InputSpec,
    private readonly maxPixels: number,
  ) {
    this.#resampler = new Resampler(spec);
  }

  /**
   * Decodes a JPEG, PNG, WebP, AVIF or the first frame of a GIF, turns it upright by its EXIF orientation and writes it as the model's input. Colour
   * profiles and transparency are ignored, as Pillow's `convert('RGB')` does in training.
   * @throws ScoringError for bytes that are no such image, are cut off, or have more than `maxPixels`
   */
  async read(bytes: Uint8Array, target: Tensor): Promise<ImageTimes> {
    const started = performance.now();
    requireKnownFormat(bytes);
    const { pixels, turn } = this.#jpeg(bytes) ?? (await this.#any(bytes));
    const decoded = performance.now();
    this.#resampler.input(pixels, turn, target);
    if (this.#resampler.size > keptMemory) this.#resampler = new Resampler(this.spec);
    return {
      decodeMilliseconds: decoded - started,
      resizeMilliseconds: performance.now() - decoded,
    };
  }

  #jpeg(bytes: Uint8Array): { pixels: Pixels; turn: Turn } | undefined {
    if (!this.#jpegs || bytes[0] !== 0xff) return undefined;
    const size = this.#jpegs.size(bytes);
    if (!size) return undefined;
    requirePixels(size.width, size.height, this.maxPixels);
    const turn = turns[exifOrientation(bytes) - 1] ?? upright;
    const shown = turn.exchange ? { width: size.height, height: size.width } : size;
    const divisor = shrinkOnLoad(shown.width, shown.height, this.spec);
    const place = this.#resampler.place(Math.ceil(size.width / divisor), Math.ceil(size.height / divisor));
    return this.#jpegs.decode(bytes, divisor, place.bytes) ? { pixels: place.pixels, turn } : undefined;
  }

  async #any(bytes: Uint8Array): Promise<{ pixels: Pixels; turn: Turn }> {
    const { data, width, height, channels } = await decode(bytes, this.spec, this.maxPixels);
    const place = this.#resampler.place(width, height);
    if (channels === 3) place.bytes.set(data);
    else if (channels === 4) inksToRgb(data, place.bytes);
    else for (let i = 0; i < data.length; i++) place.bytes.fill(data[i] ?? 0, i * 3, i * 3 + 3);
    return { pixels: place.pixels, turn: upright };
  }
}

/** What stands a picture upright, by its EXIF orientation from 1 to 8. */
const turns = [
  upright,
  { mirrorX: true, mirrorY: false, exchange: false },
  { mirrorX: true, mirrorY: true, exchange: false },
  { mirrorX: false, mirrorY: true, exchange: false },
  { mirrorX: false, mirrorY: false, exchange: true },
  { mirrorX: false, mirrorY: true, exchange: true },
  { mirrorX: true, mirrorY: true, exchange: true },
  { mirrorX: true, mirrorY: false, exchange: true },
] as const satisfies Turn[];

/** The native library reads many formats more; only those that are promised reach it. */
function requireKnownFormat(bytes: Uint8Array): void {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16)).toString('latin1');
  if (/^\xff\xd8\xff|^\x89PNG\r\n|^RIFF[^]{4}WEBP|^GIF8[79]a|^[^]{4}ftypavi[fs]/.test(head)) return;
  const other = /^(BM|II\*\0|MM\0\*|<svg|<\?xml|%PDF)|^[^]{4}ftyp/.exec(head);
  if (other) throw new ScoringError('UnsupportedMediaType', 'The image is neither JPEG, PNG, WebP, GIF nor AVIF.');
  throw new ScoringError(
    'InvalidImage',
    bytes.length === 0 ? 'The image is empty.' : 'The bytes are not a JPEG, PNG, WebP, GIF or AVIF image.',
  );
}

function requirePixels(width: number, height: number, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw new ScoringError(
    'ImageTooLarge',
    `The image has ${width} x ${height} pixels; this server accepts up to ${maxPixels} pixels.`,
  );
}

/** The pixels by libvips, upright, with 1 channel, 3, or 4 of inks, of 8 bits. */
async function decode(
  bytes: Uint8Array,
  spec: InputSpec,
  maxPixels: number,
): Promise<{ data: Uint8Array; width: number; height: number; channels: number }> {
  try {
    // Warnings are common in photographs that every viewer shows; a file that is cut off is refused, as Pillow does.
    const image = sharp(bytes, { failOn: 'truncated', limitInputPixels: false, ignoreIcc: true });
    const { format, space, autoOrient } = await image.metadata();
    const { width, height } = autoOrient;
    requirePixels(width, height, maxPixels);
    const shrink = format === 'jpeg' ? shrinkOnLoad(width, height, spec) : 1;
    if (shrink > 1) image.resize(Math.ceil(width / shrink), Math.ceil(height / shrink), { fit: 'fill' });
    image.autoOrient();
    // libvips would print the inks on a paper of its own; Pillow only inverts them.
    if (space === 'cmyk') image.pipelineColourspace('cmyk').toColourspace('cmyk');
    else image.toColourspace('srgb').removeAlpha();
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height, channels: info.channels };
  } catch (error) {
    if (error instanceof ScoringError) throw error;
    const [reason = 'unknown reason'] = messageOf(error).trim().split('\n');
    throw new ScoringError('InvalidImage', `The image cannot be decoded: ${reason.slice(0, 200)}`, undefined, {
      cause: error,
    });
  }
}

/** CMYK as RGB, to the last bit as Pillow does it. https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Convert.c */
function inksToRgb(inks: Uint8Array, target: Uint8Array): void {
  for (let from = 0, to = 0; from < inks.length; from += 4, to += 3) {
    const light = 255 - (inks[from + 3] as number);
    for (let channel = 0; channel < 3; channel++) {
      const product = (inks[from + channel] as number) * light + 128;
      target[to + channel] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
}

/** How far a large JPEG is scaled down while it is decoded: by 8, 4, 2 or not at all. */
function shrinkOnLoad(width: number, height: number, spec: InputSpec): number {
  if (width * height <= largePixels) return 1;
  const target = sizeBeforeCrop(width, height, spec);
  const reduction = Math.min(width / target.width, height / target.height);
  return [8, 4, 2].find(factor => reduction / factor >= leastRest) ?? 1;
}
