import type { Screening } from '../shared/video';

/**
 * What raw RGB frames say without a model: the share of skin-like pixels (a rule on RGB by Kovač, Peer and Solina, 2003), of strongly red
 * ones, of nearly black ones, and how much changes from frame to frame. Each is 0 to 1.
 */
export function signalsOf(frames: Buffer[]): Screening['signals'] {
  let [skin, red, dark, pixels, changed, compared] = [0, 0, 0, 0, 0, 0];
  frames.forEach((frame, index) => {
    const before = frames[index - 1];
    for (let at = 0; at + 2 < frame.length; at += 3) {
      const [r = 0, g = 0, b = 0] = [frame[at], frame[at + 1], frame[at + 2]];
      pixels += 1;
      if (isSkin(r, g, b)) skin += 1;
      if (r > 110 && r > 1.8 * Math.max(g, b)) red += 1;
      if (Math.max(r, g, b) < 25) dark += 1;
      if (before) {
        compared += 3;
        changed +=
          Math.abs(r - (before[at] ?? 0)) + Math.abs(g - (before[at + 1] ?? 0)) + Math.abs(b - (before[at + 2] ?? 0));
      }
    }
  });
  const share = (count: number): number => round(count / Math.max(1, pixels));
  return {
    skin: share(skin),
    red: share(red),
    dark: share(dark),
    motion: round(changed / 255 / Math.max(1, compared)),
  };
}

function isSkin(r: number, g: number, b: number): boolean {
  return r > 95 && g > 40 && b > 20 && Math.max(r, g, b) - Math.min(r, g, b) > 15 && r - g > 15 && r > b;
}

/** Each signal alone can make a video worth a look; what cannot be seen in the dark counts half. */
export function riskOf({ skin, red, dark, motion }: Screening['signals']): number {
  return round(Math.max(Math.min(1, skin * 1.5), Math.min(1, red * 2), dark * 0.5, motion));
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
