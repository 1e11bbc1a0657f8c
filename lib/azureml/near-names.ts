/** What exists instead of a name that does not: the same in other case, similar ones, else a list. */
export function nearNames(wanted: string, existing: readonly string[]): string {
  const same = existing.find(name => name.toLowerCase() === wanted.toLowerCase());
  if (same) return `There is '${same}': names are case-sensitive.`;
  if (existing.length === 0) return 'There is none.';
  const near = existing.filter(
    name => distance(name.toLowerCase(), wanted.toLowerCase()) <= Math.max(2, wanted.length / 4),
  );
  if (near.length > 0) return `Did you mean ${near.map(name => `'${name}'`).join(' or ')}?`;
  return `There ${existing.length === 1 ? 'is' : 'are'} ${existing.slice(0, 10).join(', ')}${existing.length > 10 ? ', …' : ''}.`;
}

/** Levenshtein distance: how many single-character edits lie between two names. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min((current[column - 1] ?? 0) + 1, (previous[column] ?? 0) + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
