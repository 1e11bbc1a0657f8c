/**
 * A page with the part between `<!-- NAME: begin -->` and `<!-- NAME: end -->` replaced.
 * @throws Error when the page has no such part
 */
export function withSection(page: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->\n`, `<!-- ${name}: end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`The page has no part between ${begin.trim()} and ${end}.`);
  return `${page.slice(0, from + begin.length)}\n${content.trim()}\n\n${page.slice(to)}`;
}
