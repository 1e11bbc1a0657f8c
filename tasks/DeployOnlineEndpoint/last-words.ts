const longest = 300;

/**
 * The line of a container's log that most likely says why it failed: of JSON logs the last one of level error or fatal
 * (pino's 50 and 60, or by name), else the last line that reads like an error. Undefined when there is none.
 */
export function lastWords(log: string): string | undefined {
  const lines = log.split(/\r?\n/).reverse();
  for (const line of lines) {
    const words = fromJson(line);
    if (words) return words.slice(0, longest);
  }
  const line = lines.find(one => !one.startsWith('{') && /\b(\w*error|\w*exception|fatal|panic|killed)\b/i.test(one));
  return line?.trim().slice(0, longest);
}

function fromJson(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, reason, err, msg, message } = JSON.parse(line) as Record<string, unknown>;
    const isError = typeof level === 'number' ? level >= 50 : /^(error|fatal|critical)$/i.test(String(level));
    const text = reason ?? (err as { message?: unknown } | undefined)?.message ?? msg ?? message;
    return isError && typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}
