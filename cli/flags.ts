/** What yargs read. */
export type Flags = Readonly<Record<string, unknown>>;

/** A flag's text; undefined when it was not given. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}
