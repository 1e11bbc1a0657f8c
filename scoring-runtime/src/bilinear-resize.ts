/**
 * Bilinear resize with antialiasing, to the last bit as Pillow does it for 8-bit images (`Image.resize(size, BILINEAR)`,
 * also torchvision's Resize on a PIL image): a triangle filter that grows with the reduction, weights of 22 bits, first
 * across, then down, rounded to 8 bits in between. https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
 * A model's probabilities depend on it: libvips' own reduction differs by up to 39 grey levels on a photograph.
 */
export interface Pixels {
  /** Interleaved, 3 channels of 8 bits. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

const bits = 22;
const half = 1 << (bits - 1);

interface Weights {
  /** For each output pixel, the first input pixel and how many. */
  readonly bounds: Int32Array;
  /** `size` weights for each output pixel. */
  readonly values: Int32Array;
  readonly size: number;
}

function triangleWeights(from: number, to: number): Weights {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const size = Math.ceil(support) * 2 + 1;
  const bounds = new Int32Array(to * 2);
  const values = new Int32Array(to * size);
  const row = new Float64Array(size);
  for (let out = 0; out < to; out++) {
    const center = (out + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const weight = Math.max(0, 1 - Math.abs((i + first - center + 0.5) / support));
      row[i] = weight;
      sum += weight;
    }
    for (let i = 0; i < count; i++) {
      const weight = (row[i] ?? 0) / (sum || 1);
      values[out * size + i] = Math.trunc(0.5 + weight * (1 << bits));
    }
    bounds[out * 2] = first;
    bounds[out * 2 + 1] = count;
  }
  return { bounds, values, size };
}

/** The image at exactly `width` x `height`; the very same object when it has that size already. */
export function resizeBilinear(image: Pixels, width: number, height: number): Pixels {
  const across = width === image.width ? image : resizeAcross(image, width);
  return height === image.height ? across : resizeDown(across, height);
}

/* The index expressions below stay inside their arrays by construction; `as number` tells the compiler so without a
   test in the innermost loop, where most of the time goes. */

function resizeAcross({ data, width, height }: Pixels, to: number): Pixels {
  const { bounds, values, size } = triangleWeights(width, to);
  const result = new Uint8Array(to * height * 3);
  for (let y = 0; y < height; y++) {
    const line = y * width * 3;
    let target = y * to * 3;
    for (let out = 0; out < to; out++) {
      let source = line + (bounds[out * 2] as number) * 3;
      const weights = out * size;
      const end = weights + (bounds[out * 2 + 1] as number);
      let a = half;
      let b = half;
      let c = half;
      for (let i = weights; i < end; i++) {
        const weight = values[i] as number;
        a += (data[source] as number) * weight;
        b += (data[source + 1] as number) * weight;
        c += (data[source + 2] as number) * weight;
        source += 3;
      }
      // Weights are positive and sum to one, so the result is within 8 bits but for the rounding of the weights.
      result[target] = Math.min(255, a >> bits);
      result[target + 1] = Math.min(255, b >> bits);
      result[target + 2] = Math.min(255, c >> bits);
      target += 3;
    }
  }
  return { data: result, width: to, height };
}

function resizeDown({ data, width, height }: Pixels, to: number): Pixels {
  const { bounds, values, size } = triangleWeights(height, to);
  const stride = width * 3;
  const result = new Uint8Array(stride * to);
  const sums = new Int32Array(stride);
  for (let out = 0; out < to; out++) {
    sums.fill(half);
    const first = bounds[out * 2] as number;
    const count = bounds[out * 2 + 1] as number;
    for (let i = 0; i < count; i++) {
      const weight = values[out * size + i] as number;
      const line = (first + i) * stride;
      for (let x = 0; x < stride; x++) sums[x] = (sums[x] as number) + (data[line + x] as number) * weight;
    }
    const target = out * stride;
    for (let x = 0; x < stride; x++) result[target + x] = Math.min(255, (sums[x] as number) >> bits);
  }
  return { data: result, width, height: to };
}
