import sharp from 'sharp';

export const colours = {
  red: { r: 220, g: 30, b: 30 },
  green: { r: 30, g: 220, b: 30 },
  blue: { r: 30, g: 30, b: 220 },
  white: { r: 255, g: 255, b: 255 },
  black: { r: 0, g: 0, b: 0 },
};

/** A picture of one colour. */
export async function plain(
  colour: keyof typeof colours,
  format: 'jpeg' | 'png' | 'webp' = 'png',
  size = 48,
): Promise<Buffer> {
  return sharp({ create: { width: size, height: size, channels: 3, background: colours[colour] } })
    .toFormat(format)
    .toBuffer();
}
