/** An instruction of a Dockerfile, with the line that it begins on. */
export interface Instruction {
  keyword: string;
  /** What follows the keyword, continuation lines joined. */
  text: string;
  line: number;
}

export interface Stage {
  /** Of `FROM image AS name`; undefined when it has none. */
  name: string | undefined;
  image: string;
  instructions: Instruction[];
}

/** A Dockerfile that cannot be built here, or an instruction of it that failed. */
export class DockerfileError extends Error {
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(`Dockerfile line ${line}: ${message}`);
  }
}

const known = new Set([
  'ARG',
  'FROM',
  'ENV',
  'WORKDIR',
  'COPY',
  'RUN',
  'USER',
  'EXPOSE',
  'HEALTHCHECK',
  'LABEL',
  'CMD',
  'ENTRYPOINT',
]);

/** Reads a Dockerfile into its stages. Defaults of ARG are filled in. @throws DockerfileError for an instruction that this builder does not have */
export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  const variables: Record<string, string> = {};
  for (const instruction of instructionsOf(text)) {
    const { keyword, line } = instruction;
    if (!known.has(keyword)) throw new DockerfileError(line, `local Azure's image builder has no ${keyword}.`);
    const stage = stages.at(-1);
    if (keyword === 'ARG') {
      const [name = '', ...value] = instruction.text.split('=');
      variables[name.trim()] ??= unquote(value.join('=').trim());
      continue;
    }
    const expanded = keyword === 'RUN' ? instruction : { ...instruction, text: expand(instruction.text, variables) };
    if (keyword === 'FROM') {
      const match = /^(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?$/i.exec(expanded.text);
      if (!match?.[1]) throw new DockerfileError(line, `FROM cannot be read: ${instruction.text}`);
      stages.push({ name: match[2], image: match[1], instructions: [] });
    } else if (!stage) {
      throw new DockerfileError(line, `${keyword} stands before the first FROM.`);
    } else {
      stage.instructions.push(expanded);
    }
  }
  if (stages.length === 0) throw new DockerfileError(1, 'there is no FROM.');
  return stages;
}

function instructionsOf(text: string): Instruction[] {
  const instructions: Instruction[] = [];
  let open: Instruction | undefined;
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const continues = line.endsWith('\\');
    const part = continues ? line.slice(0, -1).trimEnd() : line;
    if (open) {
      open.text += ` ${part}`;
    } else {
      const [, keyword = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(part) ?? [];
      open = { keyword: keyword.toUpperCase(), text: rest, line: index + 1 };
    }
    if (!continues) {
      instructions.push(open);
      open = undefined;
    }
  });
  return instructions;
}

function expand(text: string, variables: Record<string, string>): string {
  return text.replace(
    /\$\{(\w+)\}|\$(\w+)/g,
    (whole, braced?: string, bare?: string) => variables[braced ?? bare ?? ''] ?? whole,
  );
}

export function unquote(text: string): string {
  return /^"(.*)"$/s.exec(text)?.[1] ?? /^'(.*)'$/s.exec(text)?.[1] ?? text;
}

/** `NAME=value NAME="two words"`, or `NAME the rest of the line`. */
export function assignments(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.-]+)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)/g)];
  if (pairs.length > 0) return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, unquote(value)]));
  const [, name = '', value = ''] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
  return { [name]: value };
}

/** The exec form `["node", "server.js"]`. @throws DockerfileError for the shell form */
export function execForm({ keyword, text, line }: Instruction): string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed) && parsed.every(item => typeof item === 'string')) return parsed;
  } catch {
    // Said below.
  }
  throw new DockerfileError(line, `${keyword} must be in exec form, a JSON array of strings.`);
}
