/** One line of `targets`: where to write, in the words of the line; what it leaves out is as the other inputs say. */
export interface TargetLine {
  /** A cluster among those that the inputs name: its place in the list, its name, its context, or its host. */
  readonly cluster: string | undefined;
  readonly namespace: string | undefined;
  readonly configMapName: string | undefined;
  readonly secretName: string | undefined;
}

const words = {
  cluster: 'cluster',
  namespace: 'namespace',
  configMap: 'configMapName',
  secret: 'secretName',
} as const;

/**
 * Reads lines such as `cluster=2 namespace=guardian-eu configMap=guardian-config secret=guardian-keys`.
 * @returns the lines, and every problem
 */
export function parseTargets(lines: readonly string[]): { targets: TargetLine[]; problems: string[] } {
  const problems: string[] = [];
  const targets = lines.map(line => {
    const found: Partial<Record<(typeof words)[keyof typeof words], string>> = {};
    for (const word of line.split(/[\s,;]+/).filter(Boolean)) {
      const [, name = '', value = ''] = /^([A-Za-z]+)=(\S+)$/.exec(word) ?? [];
      const known = Object.entries(words).find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1];
      if (!known)
        problems.push(`has "${word}" in the line "${line}"; a line holds ${Object.keys(words).join('=…, ')}=…`);
      else if (found[known] !== undefined) problems.push(`names ${name} twice in the line "${line}"`);
      else found[known] = value;
    }
    const { cluster, namespace, configMapName, secretName } = found;
    return { cluster, namespace, configMapName, secretName };
  });
  return { targets, problems };
}
