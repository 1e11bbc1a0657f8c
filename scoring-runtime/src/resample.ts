import type { InputSpec } from './manifest';
import { kernel } from './resample-kernel';
import { firstKept, pairs, sizeBeforeCrop, weigh, type Weights } from './resample-weights';

/** An image in a kernel's memory: rows of 3 channels of 8 bits, each `stride` bytes after the one before. */
export interface Pixels {
  readonly address: number;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The model's image in the kernel's memory: how many bytes it is from a pixel to the next, and to the one below. */
interface Upright {
  readonly address: number;
  readonly right: number;
  readonly below: number;
}

/** How a source must be turned to stand upright: mirrored along its own axes first, then its axes exchanged. */
export interface Turn {
  readonly mirrorX: boolean;
  readonly mirrorY: boolean;
  readonly exchange: boolean;
}

export const upright: Turn = { mirrorX: false, mirrorY: false, exchange: false };

interface Kernel {
  across(
    source: number,
    stride: number,
    rows: number,
    taps: number,
    weights: number,
    width: number,
    target: number,
    targetStride: number,
  ): void;
  down(source: number, stride: number, taps: number, weights: number, height: number, target: number): void;
  normalise(
    source: number,
    right: number,
    below: number,
    width: number,
    height: number,
    swap: number,
    table: number,
    planes: number,
    target: number,
  ): void;
}

/** What Ultralytics' models are trained with. */
const standardPadding = 114;

/** What is used of WebAssembly: its types come with those of a browser's page only. */
interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer; grow(pages: number): void };
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

/** What a vector may read or write beyond the last pixel. */
const slack = 32;
const page = 65_536;
const wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
const module = new wasm.Module(Buffer.from(kernel, 'base64'));

/**
 * Resize with antialiasing, to the last bit as Pillow does it for 8-bit images (version 13, `Image.resize(size,
 * BILINEAR)`, also torchvision's Resize on a PIL image): a filter that grows with the reduction, weights of 22 bits, one direction after the other, rounded to 8 bits in between. https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
 * A model's probabilities depend on it: libvips' own reduction differs by up to 39 grey levels on a photograph.
 *
 * The pixels lie in a memory of its own that is used again and again: fresh memory for each image, which the system must
 * clear page by page, costs as much as decoding a JPEG into it.
 */
export class Resampler {
  readonly #memory = new wasm.Memory({ initial: 16 });
  readonly #kernel: Kernel;
  readonly #table: number;
  #end = 0;

  constructor(private readonly spec: InputSpec) {
    const instance = new wasm.Instance(module, { env: { memory: this.#memory } });
    this.#kernel = instance.exports as unknown as Kernel;
    this.#table = this.#reserve(3 * 256 * 4);
    const table = new Float32Array(this.#memory.buffer, this.#table, 3 * 256);
    for (let channel = 0; channel < 3; channel++) {
      // Mean and deviation are in the order of the model's channels, as its training wrote them.
      const [mean, deviation] = [spec.mean[channel] ?? 0, spec.std[channel] ?? 1];
      for (let level = 0; level < 256; level++) table[channel * 256 + level] = (level * spec.scale - mean) / deviation;
    }
  }

  /** Bytes that it holds. */
  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Room for the pixels of the next image; those of the last one are gone. */
  place(width: number, height: number): { pixels: Pixels; bytes: Uint8Array } {
    this.#end = this.#table + 3 * 256 * 4;
    const address = this.#reserve(width * height * 3);
    return {
      pixels: { address, stride: width * 3, width, height },
      bytes: new Uint8Array(this.#memory.buffer, address, width * height * 3),
    };
  }

  /** Writes the image as the model's input: turned upright, scaled, cut and normalised. */
  input(source: Pixels, turn: Turn, target: Float32Array): void {
    const { spec } = this;
    const size = turn.exchange ? { width: source.height, height: source.width } : source;
    const scaled = sizeBeforeCrop(size.width, size.height, spec);
    const small =
      spec.filter === 'opencv-linear'
        ? this.#openCvLinear(source, turn, size, scaled)
        : this.#pillow(source, turn, size, scaled, spec.filter);
    const result = this.#reserve(target.byteLength);
    this.#kernel.normalise(
      small.address,
      small.right,
      small.below,
      spec.width,
      spec.height,
      spec.channels === 'RGB' ? 0 : 2,
      this.#table,
      spec.layout === 'NCHW' ? 1 : 0,
      result,
    );
    target.set(new Float32Array(this.#memory.buffer, result, target.length));
    if (spec.resize === 'letterbox') this.#pad(scaled.width, scaled.height, target);
  }

  #pillow(source: Pixels, turn: Turn, size: Size, scaled: Size, filter: Parameters<typeof weigh>[4]): Upright {
    const { spec } = this;
    const [mirrorX, mirrorY] = turn.exchange ? [turn.mirrorY, turn.mirrorX] : [turn.mirrorX, turn.mirrorY];
    const wide = weigh(size.width, scaled.width, spec.width, mirrorX, filter);
    const high = weigh(size.height, scaled.height, spec.height, mirrorY, filter);
    // Rounding in between makes the order of the two passes count: the height goes first when it shrinks by far the more.
    const heightFirst = size.height > scaled.height && size.height - scaled.height > (size.width - scaled.width) * 2;
    // The axes are exchanged at the end, when the image is small.
    const [across, down] = turn.exchange ? [high, wide] : [wide, high];
    const { address, stride } =
      heightFirst === turn.exchange
        ? this.#down(this.#across(source, across), down)
        : this.#across(this.#down(source, down), across);
    return turn.exchange ? { address, right: stride, below: 3 } : { address, right: 3, below: stride };
  }

  /** As OpenCV does it for 8-bit images, to the last bit: whole numbers across, then down with some bits cut off. */
  #openCvLinear(source: Pixels, turn: Turn, size: Size, scaled: Size): Upright {
    const { width, height } = this.spec;
    const [mirrorX, mirrorY] = turn.exchange ? [turn.mirrorY, turn.mirrorX] : [turn.mirrorX, turn.mirrorY];
    const [right, below] = turn.exchange ? [source.stride, 3] : [3, source.stride];
    const across = pairs(size.width, scaled.width, width, mirrorX);
    const address = this.#reserve(width * height * 3);
    const bytes = new Uint8Array(this.#memory.buffer);
    for (const [y, row] of pairs(size.height, scaled.height, height, mirrorY).entries()) {
      if (!row) continue;
      const [upper, lower, down] = [source.address + row[0] * below, source.address + row[1] * below, row[2]];
      for (let x = 0, at = address + y * width * 3; x < width; x++, at += 3) {
        const pair = across[x];
        if (!pair) continue;
        const [left, next, weight] = [pair[0] * right, pair[1] * right, pair[2]];
        for (let channel = 0; channel < 3; channel++) {
          const sum = (line: number): number =>
            (bytes[line + left + channel] as number) * (2048 - weight) +
            (bytes[line + next + channel] as number) * weight;
          const above = ((2048 - down) * (sum(upper) >> 4)) >> 16;
          bytes[at + channel] = (above + ((down * (sum(lower) >> 4)) >> 16) + 2) >> 2;
        }
      }
    }
    return { address, right: 3, below: width * 3 };
  }

  /** Fills what an image of this size leaves free with the padding's level. */
  #pad(width: number, height: number, target: Float32Array): void {
    const { spec } = this;
    const table = new Float32Array(this.#memory.buffer, this.#table, 3 * 256);
    const levels = [0, 1, 2].map(channel => table[channel * 256 + (spec.padding ?? standardPadding)] ?? 0);
    const [left, top] = [-firstKept(width, spec.width), -firstKept(height, spec.height)];
    const plane = spec.width * spec.height;
    for (let pixel = 0; pixel < plane; pixel++) {
      const [x, y] = [(pixel % spec.width) - left, Math.floor(pixel / spec.width) - top];
      if (x >= 0 && x < width && y >= 0 && y < height) continue;
      for (let channel = 0; channel < 3; channel++)
        target[spec.layout === 'NCHW' ? channel * plane + pixel : pixel * 3 + channel] = levels[channel] ?? 0;
    }
  }

  #across(source: Pixels, { first, counts, values, size }: Weights): Pixels {
    const width = first.length;
    const groups = Math.ceil(size / 4);
    const taps = this.#reserve(width * 8);
    const weights = this.#reserve(width * groups * 16);
    // A byte is written behind each row, and whole vectors are read from it.
    const stride = Math.ceil((width * 3 + 1) / 16) * 16;
    const address = this.#reserve(stride * source.height);
    const tap = new Uint32Array(this.#memory.buffer, taps, width * 2);
    const halves = new Int16Array(this.#memory.buffer, weights, width * groups * 8).fill(0);
    let group = 0;
    for (let x = 0; x < width; x++) {
      const count = counts[x] ?? 0;
      tap[x * 2] = (first[x] ?? 0) * 3;
      tap[x * 2 + 1] = Math.ceil(count / 4);
      for (let i = 0; i < count; i++) {
        const weight = values[x * size + i] ?? 0;
        const at = (group + (i >> 2)) * 8 + (i & 3);
        halves[at] = weight >> 11;
        halves[at + 4] = weight & 2047;
      }
      group += Math.ceil(count / 4);
    }
    this.#kernel.across(source.address, source.stride, source.height, taps, weights, width, address, stride);
    return { address, stride, width, height: source.height };
  }

  #down(source: Pixels, { first, counts, values, size }: Weights): Pixels {
    const height = first.length;
    const pairs = Math.ceil(size / 2);
    const taps = this.#reserve(height * 8);
    const weights = this.#reserve(height * pairs * 8);
    const address = this.#reserve(source.stride * height);
    // An odd row at the end is paired with one of weight 0 behind the image.
    this.#reserve(source.stride);
    const tap = new Uint32Array(this.#memory.buffer, taps, height * 2);
    const halves = new Int16Array(this.#memory.buffer, weights, height * pairs * 4).fill(0);
    let pair = 0;
    for (let y = 0; y < height; y++) {
      const count = counts[y] ?? 0;
      tap[y * 2] = first[y] ?? 0;
      tap[y * 2 + 1] = Math.ceil(count / 2);
      for (let i = 0; i < count; i++) {
        const weight = values[y * size + i] ?? 0;
        const at = (pair + (i >> 1)) * 4 + (i & 1);
        halves[at] = weight >> 11;
        halves[at + 2] = weight & 2047;
      }
      pair += Math.ceil(count / 2);
    }
    this.#kernel.down(source.address, source.stride, taps, weights, height, address);
    return { address, stride: source.stride, width: source.width, height };
  }

  #reserve(bytes: number): number {
    const address = Math.ceil(this.#end / 16) * 16;
    this.#end = address + bytes + slack;
    const missing = Math.ceil((this.#end - this.#memory.buffer.byteLength) / page);
    if (missing > 0) this.#memory.grow(missing);
    return address;
  }
}
