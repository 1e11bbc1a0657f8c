/** Draws the PNG icons that the Marketplace and the task editor want from their SVG sources in images/. Run by hand after a change. */
import { join } from 'node:path';
import sharp from 'sharp';
import { root, taskNames } from './product';

async function draw(svg: string, pixels: number, png: string): Promise<void> {
  await sharp(join(root, 'images', svg), { density: 1024 })
    .resize(pixels, pixels)
    .png()
    .toFile(png);
}

async function main(): Promise<void> {
  await draw('extension.svg', 128, join(root, 'images/extension-icon.png'));
  for (const task of taskNames) await draw(`${task}.svg`, 32, join(root, 'tasks', task, 'icon.png'));
}

void main();
