import { createHash, randomInt } from 'node:crypto';

/** Kubernetes' alphabet for generated names: no vowels, so no words; none of 0, 1 and 3, which look like letters. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** The prefix and five random characters. */
export function randomName(prefix: string): string {
  const suffix = Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return `${prefix.slice(0, 58)}${suffix}`;
}

/** Ten characters that stand for a content, such as a pod template; the order of its fields does not matter. */
export function contentName(content: unknown): string {
  const digest = createHash('sha256').update(canonical(content)).digest();
  return [...digest.subarray(0, 10)].map(byte => alphabet[byte % alphabet.length]).join('');
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
