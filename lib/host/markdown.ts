/** A Markdown table; empty text when it has no rows. Cells may be others' text. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(row => line(row.map(markdownText)))].join('\n');
}

/** Names and values of others as plain text: they must not break out of their place. */
export function markdownText(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[|\\`*_<>[\]]/g, character => `\\${character}`);
}
