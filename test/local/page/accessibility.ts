import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** Plain scripts: what a TypeScript loader adds to a function is not there in the browser. */
function inPage(name: string): (page: Page) => Promise<string[]> {
  const script = readFileSync(join(__dirname, name), 'utf8');
  return page => page.evaluate(script);
}

/** What a reader of the screen, or one without good eyes, would stumble over on the page as it is now; empty when there is nothing. */
export const obstacles = inPage('obstacles.js');

/** Texts that are too faint before what is behind them; empty when there are none. */
export const faintTexts = inPage('faint-texts.js');
