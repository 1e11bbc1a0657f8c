/**
 * A regular expression for a file pattern: `*` and `?` within a path segment, `**` across segments. The match covers the whole text.
 * @throws Error when the pattern uses other wildcards (brackets, braces, negation).
 */
export function globExpression(pattern: string, flags = ''): RegExp {
  if (/[[\]{}!]/.test(pattern)) throw new Error(`The pattern ${pattern} uses wildcards other than *, ** and ?.`);
  const body = pattern
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map(part => {
      if (part === '**/') return '(?:[^/]+/)*';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      return part.replace(/[.+^$()|\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${body}$`, flags);
}
