import { ScoringError } from './scoring-error';

/** The images of a request, and whether it asked for one or for a list. */
export interface ScoringRequest {
  readonly images: readonly Uint8Array[];
  readonly many: boolean;
}

export const imageTypes = ['image/jpeg', 'image/jpg', 'image/png', 'image/webp', 'application/octet-stream'];
export const acceptedTypes = 'image/jpeg, image/png, image/webp, application/octet-stream, application/json';

/**
 * @param body bytes of an image, or parsed JSON `{"image": base64}` or `{"images": [base64, …]}`
 * @throws ScoringError saying which part is not as it should be
 */
export function readScoringRequest(body: unknown): ScoringRequest {
  if (body instanceof Uint8Array) return { images: [body], many: false };
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw notUnderstood();
  const { image, images } = body as { image?: unknown; images?: unknown };
  if ((image === undefined) === (images === undefined)) throw notUnderstood();
  if (images === undefined) return { images: [fromBase64(image, 'image')], many: false };
  if (!Array.isArray(images) || images.length === 0)
    throw new ScoringError('InvalidRequest', "'images' must be a list with at least one base64 string.");
  return { images: images.map((item: unknown, index) => fromBase64(item, `images[${index}]`)), many: true };
}

function notUnderstood(): ScoringError {
  return new ScoringError(
    'InvalidRequest',
    'Send the bytes of one image, or JSON: {"image": "<base64>"} or {"images": ["<base64>", …]}.',
  );
}

/** Takes a data URL too, as browsers make them. */
function fromBase64(value: unknown, where: string): Uint8Array {
  if (typeof value !== 'string') throw new ScoringError('InvalidRequest', `'${where}' must be a base64 string.`);
  const text = value.replace(/^data:[^,]{0,100};base64,/, '').replace(/\s+/g, '');
  const bytes = Buffer.from(text, 'base64');
  // Buffer.from skips what is not base64, so the length tells.
  if (bytes.length === 0 || bytes.length !== Math.floor((text.replace(/=+$/, '').length * 3) / 4))
    throw new ScoringError('InvalidRequest', `'${where}' is not base64.`);
  return bytes;
}
