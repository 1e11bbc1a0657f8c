/** Position of the `}}` that closes an expression, past quoted text; undefined when there is none. */
export function endOfExpression(text: string, from: number): number | undefined {
  let quoted = false;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "'") quoted = !quoted;
    else if (!quoted && text.startsWith('}}', at)) return at;
  }
  return undefined;
}

/** What stands between `${{` and `}}` when that is all of the text. */
export function wholeExpression(text: string): string | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith('${{')) return undefined;
  return endOfExpression(trimmed, 3) === trimmed.length - 2 ? trimmed.slice(3, -2) : undefined;
}
