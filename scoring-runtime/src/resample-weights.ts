import type { InputSpec } from './manifest';

/** How the pixels of an axis are made of those of the image. */
export interface Weights {
  /** For each output pixel, the first input pixel and how many there are. */
  readonly first: Int32Array;
  readonly counts: Int32Array;
  /** `size` weights for each output pixel, of 22 bits. */
  readonly values: Int32Array;
  readonly size: number;
}

/** Pillow's filters: how far they reach, and their weight at a distance. https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c */
const filters = {
  bilinear: { reach: 1, weight: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { reach: 2, weight: cubic },
  lanczos: { reach: 3, weight: (x: number) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** What the whole image is scaled to; torchvision's Resize truncates the longer side, Ultralytics' LetterBox rounds both. */
export function sizeBeforeCrop(width: number, height: number, spec: InputSpec): { width: number; height: number } {
  if (spec.resize === 'letterbox') {
    const scale = Math.min(spec.width / width, spec.height / height);
    const side = (length: number) => Math.max(1, Math.round(length * scale));
    return { width: side(width), height: side(height) };
  }
  if (spec.resize === 'stretch' || spec.resizeTo === undefined) return { width: spec.width, height: spec.height };
  return width <= height
    ? { width: spec.resizeTo, height: Math.trunc((spec.resizeTo * height) / width) }
    : { width: Math.trunc((spec.resizeTo * width) / height), height: spec.resizeTo };
}

/**
 * The first of `to` pixels that is among the `keep` of the model's input; below 0 where the image is the smaller one.
 * torchvision's CenterCrop rounds half to even, as Python does; Ultralytics' LetterBox rounds half down.
 */
export function firstKept(to: number, keep: number): number {
  return to < keep ? -Math.round((keep - to) / 2 - 0.1) : roundHalfToEven((to - keep) / 2);
}

/**
 * The weights of the middle `keep` of `to` pixels that `from` are scaled to, none for pixels outside; `mirror` counts the
 * input from its end.
 */
export function weigh(
  from: number,
  to: number,
  keep: number,
  mirror: boolean,
  filter: keyof typeof filters = 'bilinear',
): Weights {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const { reach, weight: weightAt } = filters[filter];
  const support = reach * stretch;
  const size = Math.ceil(support) * 2 + 1;
  const cut = firstKept(to, keep);
  const first = new Int32Array(keep);
  const counts = new Int32Array(keep);
  const values = new Int32Array(keep * size);
  const row = new Float64Array(size);
  for (let out = Math.max(0, -cut); out < keep && out + cut < to; out++) {
    const center = (out + cut + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(from, Math.trunc(center + support + 0.5)) - begin;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const weight = weightAt((i + begin - center + 0.5) / stretch);
      row[i] = weight;
      sum += weight;
    }
    for (let i = 0; i < count; i++) {
      const weight = ((row[i] ?? 0) / (sum || 1)) * (1 << 22);
      values[out * size + (mirror ? count - 1 - i : i)] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[out] = mirror ? from - begin - count : begin;
    counts[out] = count;
  }
  return { first, counts, values, size };
}

/** The two input pixels of an output pixel, and the weight of the second of 2048; `undefined` for a pixel outside. */
export type Pair = readonly [first: number, second: number, weight: number] | undefined;

/**
 * The same for OpenCV's INTER_LINEAR, which looks at two pixels, however many there are.
 * https://github.com/opencv/opencv/blob/4.x/modules/imgproc/src/resize.cpp
 */
export function pairs(from: number, to: number, keep: number, mirror: boolean): Pair[] {
  const cut = firstKept(to, keep);
  return Array.from({ length: keep }, (_, out) => {
    if (out + cut < 0 || out + cut >= to) return undefined;
    const place = Math.fround((out + cut + 0.5) * (1 / (to / from)) - 0.5);
    const first = Math.min(Math.max(Math.floor(place), 0), from - 1);
    const inside = place >= 0 && first < from - 1;
    const weight = inside ? roundHalfToEven(Math.fround(place - first) * 2048) : 0;
    const second = Math.min(first + 1, from - 1);
    return mirror ? [from - 1 - first, from - 1 - second, weight] : [first, second, weight];
  });
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}
