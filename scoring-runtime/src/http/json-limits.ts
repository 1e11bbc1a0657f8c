import { invalidRequest } from '../scoring-error';

/** A tensor of a batch has four levels of lists, in an object or two; nothing here needs more than twice that. */
const mostLevels = 16;

/** Pixels of three channels, each a list, of the largest images in one body: beyond it nobody sends numbers any more. */
const mostContainers = 1_000_000;

const [quote, backslash, openList, closeList, openObject, closeObject] = Buffer.from('"\\[]{}');

/**
 * Refuses JSON that would take far more memory parsed than as text: a list in a list takes sixty bytes of memory for two
 * of the body, so that one body at its limit could fill the memory of a small container.
 * @throws ScoringError
 */
export function requireModestJson(text: Uint8Array): void {
  let level = 0;
  let containers = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (byte === quote) at = endOfString(text, at);
    else if (byte === openList || byte === openObject) {
      level++;
      containers++;
    } else if (byte === closeList || byte === closeObject) level--;
    if (level > mostLevels) throw invalidRequest(`The JSON has more than ${mostLevels} levels of lists and objects.`);
    if (containers > mostContainers)
      throw invalidRequest(`The JSON has more than ${mostContainers} lists and objects; send tensors as binary data.`);
  }
}

/** Where the string that begins at `start` ends; base64 is passed over by native code. */
function endOfString(text: Uint8Array, start: number): number {
  let end = start;
  let escaped: boolean;
  do {
    end = text.indexOf(quote as number, end + 1);
    if (end < 0) return text.length;
    escaped = false;
    for (let before = end - 1; text[before] === backslash; before--) escaped = !escaped;
  } while (escaped);
  return end;
}
