/**
 * The innermost loops of the image path, in AssemblyScript with 128-bit SIMD: `npm run kernel` compiles them into
 * src/resample-kernel.ts. They work on addresses of one memory that the caller lays out (src/resample.ts).
 *
 * A weight has 22 bits, as Pillow's, and is stored as two 16-bit halves (weight >> 11, weight & 2047), so that the
 * processor's multiply-add of 16-bit pairs gives the same sum to the last bit.
 */

/** Room for the sums of one rounding: 22 bits of weight, half of them added first. */
const round: i32 = 1 << 21;

function grey(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.add(i32x4.shl(high, 11), low), i32x4.splat(round)), 22);
}

/**
 * Every row of 3-channel pixels at `source` scaled across, two rows side by side because they share the weights. `taps`
 * has two numbers an output pixel: the address of its first input within a row, and how many groups of 4 inputs it sums.
 * `weights` has 16 bytes a group: the high halves of its 4 weights, then the low ones. Reads up to 16 bytes after the
 * last pixel and writes 1 after each row of the result.
 */
export function across(
  source: usize,
  stride: usize,
  rows: i32,
  taps: usize,
  weights: usize,
  width: i32,
  target: usize,
  targetStride: usize,
): void {
  // Bytes become 16 bits, each channel's first input beside its second; -1 gives zero.
  const firstPair = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  const secondPair = i8x16(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  for (let y = 0; y < rows; y += 2) {
    let weight = weights;
    let tap = taps;
    let at = target;
    // Without a next row the same one is done twice.
    const last = y + 1 == rows;
    const nextSource: usize = last ? 0 : stride;
    const nextTarget: usize = last ? 0 : targetStride;
    for (let x = 0; x < width; x++) {
      let pixel = source + load<u32>(tap);
      let high0 = i32x4.splat(0);
      let low0 = i32x4.splat(0);
      let high1 = i32x4.splat(0);
      let low1 = i32x4.splat(0);
      for (let groups = load<u32>(tap, 4); groups > 0; groups--) {
        const four0 = v128.load(pixel);
        const four1 = v128.load(pixel + nextSource);
        const a0 = i8x16.swizzle(four0, firstPair);
        const a1 = i8x16.swizzle(four1, firstPair);
        const highA = v128.load32_splat(weight);
        const lowA = v128.load32_splat(weight, 8);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(a0, highA));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(a1, highA));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(a0, lowA));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(a1, lowA));
        const b0 = i8x16.swizzle(four0, secondPair);
        const b1 = i8x16.swizzle(four1, secondPair);
        const highB = v128.load32_splat(weight, 4);
        const lowB = v128.load32_splat(weight, 12);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(b0, highB));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(b1, highB));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(b0, lowB));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(b1, lowB));
        pixel += 12;
        weight += 16;
      }
      const words = i16x8.narrow_i32x4_s(grey(high0, low0), grey(high1, low1));
      const bytes = i8x16.narrow_i16x8_u(words, words);
      v128.store32_lane(at, bytes, 0);
      v128.store32_lane(at + nextTarget, bytes, 1);
      at += 3;
      tap += 8;
    }
    source += stride * 2;
    target += targetStride * 2;
  }
}

/**
 * Rows of `stride` bytes at `source` scaled down the image. `taps` has two numbers an output row: its first input row,
 * and how many pairs of rows it sums; `weights` has 8 bytes a pair: both high halves, then both low ones. Works on 16
 * bytes at a time: writes up to 15 bytes after the last result.
 */
export function down(source: usize, stride: usize, taps: usize, weights: usize, height: i32, target: usize): void {
  for (let y = 0; y < height; y++) {
    const first = source + <usize>load<u32>(taps) * stride;
    const pairs = load<u32>(taps, 4);
    for (let x: usize = 0; x < stride; x += 16) {
      let row = first + x;
      let weight = weights;
      let h0 = i32x4.splat(0),
        h1 = i32x4.splat(0),
        h2 = i32x4.splat(0),
        h3 = i32x4.splat(0);
      let l0 = i32x4.splat(0),
        l1 = i32x4.splat(0),
        l2 = i32x4.splat(0),
        l3 = i32x4.splat(0);
      for (let n = pairs; n > 0; n--) {
        const a = v128.load(row);
        const b = v128.load(row + stride);
        const left = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const right = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const p0 = i16x8.extend_low_i8x16_u(left),
          p1 = i16x8.extend_high_i8x16_u(left);
        const p2 = i16x8.extend_low_i8x16_u(right),
          p3 = i16x8.extend_high_i8x16_u(right);
        const high = v128.load32_splat(weight),
          low = v128.load32_splat(weight, 4);
        h0 = i32x4.add(h0, i32x4.dot_i16x8_s(p0, high));
        h1 = i32x4.add(h1, i32x4.dot_i16x8_s(p1, high));
        h2 = i32x4.add(h2, i32x4.dot_i16x8_s(p2, high));
        h3 = i32x4.add(h3, i32x4.dot_i16x8_s(p3, high));
        l0 = i32x4.add(l0, i32x4.dot_i16x8_s(p0, low));
        l1 = i32x4.add(l1, i32x4.dot_i16x8_s(p1, low));
        l2 = i32x4.add(l2, i32x4.dot_i16x8_s(p2, low));
        l3 = i32x4.add(l3, i32x4.dot_i16x8_s(p3, low));
        row += stride * 2;
        weight += 8;
      }
      const words0 = i16x8.narrow_i32x4_s(grey(h0, l0), grey(h1, l1));
      const words1 = i16x8.narrow_i32x4_s(grey(h2, l2), grey(h3, l3));
      v128.store(target + x, i8x16.narrow_i16x8_u(words0, words1));
    }
    target += stride;
    weights += <usize>pairs * 8;
    taps += 8;
  }
}

/**
 * `width` x `height` pixels of 3 channels, looked up in `table` (256 numbers a channel of the target) and written in
 * planes, or interleaved when `planes` is 0. From one pixel of the result to the next it is `right` bytes at the source,
 * from one row to the next `below`: a turned image is read down its columns. `swap` is 2 when the target's first channel
 * is the source's last, else 0.
 */
export function normalise(
  source: usize,
  right: usize,
  below: usize,
  width: i32,
  height: i32,
  swap: usize,
  table: usize,
  planes: i32,
  target: usize,
): void {
  const plane: usize = width * height * 4;
  const step: usize = planes ? 4 : 12;
  const second = target + (planes ? plane : 4);
  const third = target + (planes ? plane * 2 : 8);
  let at: usize = 0;
  for (let y = 0; y < height; y++) {
    let pixel = source;
    for (let x = 0; x < width; x++) {
      store<f32>(target + at, load<f32>(table + ((<usize>load<u8>(pixel + swap)) << 2)));
      store<f32>(second + at, load<f32>(table + ((<usize>load<u8>(pixel, 1)) << 2), 1024));
      store<f32>(third + at, load<f32>(table + ((<usize>load<u8>(pixel + (2 - swap))) << 2), 2048));
      pixel += right;
      at += step;
    }
    source += below;
  }
}
