/** Numbers that look random and are the same at each run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What decoders stumble over: lengths and counts at the edge of their types. */
const edges = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];

/** The bytes with a few things done to them: changed, cut off, repeated, swapped, or put in from `other`. */
export function mutate(bytes: Buffer, other: Buffer, random: () => number): Buffer {
  let result = Buffer.from(bytes);
  const pick = (below: number): number => Math.floor(random() * below);
  for (let times = 1 + pick(4); times > 0; times--) {
    const at = pick(result.length);
    const length = 1 + pick(Math.min(64, Math.max(1, result.length - at)));
    switch (pick(7)) {
      case 0:
        result[at] = pick(256);
        break;
      case 1:
        result.fill(edges[pick(edges.length)] ?? 0, at, at + Math.min(4, length));
        break;
      case 2:
        result = result.subarray(0, at);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at, at + length), result.subarray(at)]);
        break;
      case 5:
        result = Buffer.concat([result.subarray(0, at), other.subarray(pick(other.length)).subarray(0, length)]);
        break;
      default:
        result[at] = (result[at] ?? 0) ^ (1 << pick(8));
    }
  }
  return result;
}
