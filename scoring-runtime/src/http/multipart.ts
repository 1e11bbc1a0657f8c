import { invalidRequest, ScoringError } from '../scoring-error';

/**
 * The files of a multipart form that lies in memory whole, in their order and without a copy; fields that are no file
 * are left out. https://www.rfc-editor.org/rfc/rfc7578
 * @param most a form with many more parts than this is not taken apart
 * @throws ScoringError when it cannot be read, or has no file
 */
export function imagesOfForm(body: Uint8Array, contentType: string, most: number): Uint8Array[] {
  const boundary = /boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)?.slice(1).join('') ?? '';
  if (boundary === '') throw invalidRequest('The multipart form has no boundary in its Content-Type.');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const files = partsOf(bytes, boundary, most).flatMap(part => fileOf(part) ?? []);
  if (files.length === 0) throw invalidRequest('The multipart form has no file.');
  return files;
}

/** What stands between the delimiters; what comes before the first and after the last one does not count. */
function partsOf(bytes: Buffer, boundary: string, most: number): Buffer[] {
  // The line break before a delimiter belongs to it; the first one may stand at the very beginning.
  const delimiter = `\r\n--${boundary}`;
  const first =
    bytes.subarray(0, delimiter.length - 2).toString('latin1') === delimiter.slice(2) ? -2 : bytes.indexOf(delimiter);
  if (first === -1) throw invalidRequest('The multipart form does not have the boundary of its Content-Type.');
  const parts: Buffer[] = [];
  for (let at = first + delimiter.length; bytes.toString('latin1', at, at + 2) !== '--';) {
    const end = bytes.indexOf(delimiter, at);
    if (end === -1) throw invalidRequest('The multipart form is cut off: its last boundary is missing.');
    parts.push(bytes.subarray(at, end));
    // Beside the images, a form may have a few fields.
    if (parts.length > most + 16)
      throw new ScoringError(
        'PayloadTooLarge',
        `The multipart form has too many parts; this server takes at most ${most} images at once.`,
      );
    at = end + delimiter.length;
  }
  return parts;
}

/** The content of a part that is a file: it has a file name, or says that it is an image. */
function fileOf(part: Buffer): Buffer | undefined {
  const end = part.indexOf('\r\n\r\n');
  if (end === -1) throw invalidRequest('A part of the multipart form has no headers.');
  const headers = part.toString('latin1', 0, end);
  return /^content-disposition:.*;\s*filename\*?=/im.test(headers) || /^content-type:\s*image\//im.test(headers)
    ? part.subarray(end + 4)
    : undefined;
}
