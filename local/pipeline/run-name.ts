/**
 * The run's number from its format (`name:`): $(Date:yyyyMMdd), $(Rev:r) and variables. Without a format it is date and revision, as in
 * Azure Pipelines.
 * @param revision counts the runs; Azure Pipelines begins again at 1 for each new text before it, here it goes on.
 * @throws Error for a date format that is not supported.
 */
export function runName(
  format: string | undefined,
  o: { now: Date; revision: number; variable: (name: string) => string | undefined },
): string {
  return (format ?? '$(Date:yyyyMMdd).$(Rev:r)').replaceAll(/\$\(([^)]+)\)/g, (macro, name: string) => {
    const date = /^Date:?(.*)$/i.exec(name);
    if (date) return formatDate(date[1]?.trim() || 'yyyyMMdd', o.now);
    const revision = /^Rev:(r+)$/i.exec(name);
    if (revision) return String(o.revision).padStart(revision[1]?.length ?? 1, '0');
    return o.variable(name) ?? macro;
  });
}

function formatDate(format: string, now: Date): string {
  const parts: Record<string, string> = {
    yyyy: String(now.getUTCFullYear()),
    yy: String(now.getUTCFullYear()).slice(-2),
    MM: two(now.getUTCMonth() + 1),
    M: String(now.getUTCMonth() + 1),
    dd: two(now.getUTCDate()),
    d: String(now.getUTCDate()),
    HH: two(now.getUTCHours()),
    H: String(now.getUTCHours()),
    mm: two(now.getUTCMinutes()),
    m: String(now.getUTCMinutes()),
    ss: two(now.getUTCSeconds()),
    s: String(now.getUTCSeconds()),
  };
  return format
    .replaceAll(/[A-Za-z]+?(?=(.)|$)|[A-Za-z]+/g, part => part)
    .replaceAll(/([A-Za-z])\1*/g, part => {
      const value = parts[part];
      if (value === undefined) throw new Error(`The date format '${format}' is not supported: '${part}'.`);
      return value;
    });
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
