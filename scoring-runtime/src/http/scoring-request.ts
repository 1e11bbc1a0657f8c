import { invalidRequest, type ScoringError } from '../scoring-error';
import { isObject } from './json';
import { imagesOfForm } from './multipart';

/** The images of a request, and whether it asked for one or for a list. */
export interface ScoringRequest {
  readonly images: readonly Uint8Array[];
  readonly many: boolean;
}

/** What a body of bytes may call itself; what it is, its first bytes decide. */
export const imageTypes = ['image/jpeg', 'image/jpg', 'image/png', 'image/webp', 'image/gif', 'image/avif'];
export const acceptedTypes = `${imageTypes.join(', ')}, application/octet-stream, multipart/form-data, application/json`;

/**
 * @param body bytes of an image or of a multipart form, or parsed JSON `{"image": base64}` or `{"images": [base64, …]}`
 * @param most images that could ever be taken at once
 * @throws ScoringError saying which part is not as it should be
 */
export function readScoringRequest(body: unknown, contentType: string | undefined, most: number): ScoringRequest {
  if (body instanceof Uint8Array) {
    if (contentType?.toLowerCase().startsWith('multipart/form-data') !== true) return { images: [body], many: false };
    return { images: imagesOfForm(body, contentType, most), many: true };
  }
  if (!isObject(body)) throw notUnderstood();
  const { image, images } = body;
  if ((image === undefined) === (images === undefined)) throw notUnderstood();
  if (images === undefined) return { images: [fromBase64(image, 'image')], many: false };
  if (!Array.isArray(images) || images.length === 0)
    throw invalidRequest("'images' must be a list with at least one base64 string.");
  return { images: images.map((item: unknown, index) => fromBase64(item, `images[${index}]`)), many: true };
}

function notUnderstood(): ScoringError {
  return invalidRequest(
    'Send the bytes of one image, a multipart form with images, or JSON: {"image": "<base64>"} or {"images": ["<base64>", …]}.',
  );
}

/** Takes a data URL too, as browsers make them. @param where the field, for the message */
export function fromBase64(value: unknown, where: string): Uint8Array {
  if (typeof value !== 'string') throw invalidRequest(`'${where}' must be a base64 string.`);
  const text = value.replace(/^data:[^,]{0,100};base64,/, '').replace(/\s+/g, '');
  const bytes = Buffer.from(text, 'base64');
  // Buffer.from skips what is not base64, so the length tells.
  if (bytes.length === 0 || bytes.length !== Math.floor((text.replace(/=+$/, '').length * 3) / 4))
    throw invalidRequest(`'${where}' is not base64.`);
  return bytes;
}
