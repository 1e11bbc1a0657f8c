import { createHash } from 'node:crypto';

/** Reads a stream to its end for its length in bytes and its SHA-256 (hex); nothing of it is kept. */
export async function hashStream(
  stream: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of stream) {
    hash.update(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
  }
  return { size, sha256: hash.digest('hex') };
}
