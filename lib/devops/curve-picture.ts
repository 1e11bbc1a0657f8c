import { deflateSync } from 'node:zlib';

const width = 320;
const height = 80;
const margin = 6;
/** Half the line's width, in pixels. */
const radius = 1.1;
/** Seen on white and on black alike. */
const line = [0x2b, 0x88, 0xd8];
const grid = [0x9a, 0x9a, 0x9a];

/**
 * A metric over its steps as a PNG with a transparent ground: comments of Azure Repos show no SVG. Highest value at the top, the lowest
 * at the bottom; the table beside it has the numbers.
 * @param points step and value, in the order of the steps, two or more
 */
export function curvePicture(points: readonly (readonly [number, number])[]): Buffer {
  const spots = placed(points);
  const pixels = Buffer.alloc(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const onGrid = y === margin || y === height - margin;
      const cover = Math.max(0, Math.min(1, radius + 0.5 - distance(x, y, spots)));
      const [red = 0, green = 0, blue = 0] = cover > 0 ? line : grid;
      pixels.set([red, green, blue, Math.round(255 * (cover > 0 ? cover : onGrid ? 0.35 : 0))], (y * width + x) * 4);
    }
  }
  return png(pixels);
}

function placed(points: readonly (readonly [number, number])[]): [number, number][] {
  const steps = points.map(([step]) => step);
  const values = points.map(([, value]) => value);
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const scale = (at: number, from: number, to: number): number => (to === from ? 0.5 : (at - from) / (to - from));
  return points.map(([step, value]) => [
    margin + scale(step, first, last) * (width - 2 * margin),
    height - margin - scale(value, least, most) * (height - 2 * margin),
  ]);
}

/** From a pixel to the nearest part of the line. */
function distance(x: number, y: number, spots: readonly (readonly [number, number])[]): number {
  let nearest = Infinity;
  for (let at = 1; at < spots.length; at++) {
    const [x1, y1] = spots[at - 1] ?? [0, 0];
    const [x2, y2] = spots[at] ?? [0, 0];
    if (x < x1 - 4 || x > x2 + 4) continue;
    const [dx, dy] = [x2 - x1, y2 - y1];
    const along = Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
    nearest = Math.min(nearest, Math.hypot(x - x1 - along * dx, y - y1 - along * dy));
  }
  return nearest;
}

/** https://www.w3.org/TR/png-3/: eight bits a channel, red, green, blue and alpha, no filter. */
function png(pixels: Buffer): Buffer {
  const rows = Buffer.alloc(height * (width * 4 + 1));
  for (let y = 0; y < height; y++) pixels.copy(rows, y * (width * 4 + 1) + 1, y * width * 4, (y + 1) * width * 4);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** node:zlib has one only since Node.js 20.15, and agents with an older one are in use. */
function crc32(data: Buffer): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
