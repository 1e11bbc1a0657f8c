import type { Masker } from './masker';

export interface Variable {
  name: string;
  value: string;
  /** Masked in logs and handed to tasks as SECRET_<NAME> instead of <NAME>. */
  isSecret?: boolean;
  isReadOnly?: boolean;
  /** Its environment variable keeps the name's case. */
  preserveCase?: boolean;
}

const maximumDepth = 50;

/** The variables of a job: names without regard to case, values that may refer to one another as $(name). */
export class Variables {
  private readonly stored = new Map<string, Variable>();
  private expanded = new Map<string, Variable>();

  constructor(
    initial: Iterable<Variable>,
    private readonly masker: Masker,
  ) {
    for (const variable of initial) {
      if (variable.name.trim() === '') continue;
      this.stored.set(variable.name.toLowerCase(), variable);
      if (variable.isSecret) masker.addVariable(variable.value);
    }
    this.recalculate();
  }

  /** The value with what it refers to put in, as of the last `recalculate`. */
  get(name: string): string | undefined {
    return this.expanded.get(name.toLowerCase())?.value;
  }

  isTrue(name: string): boolean {
    return this.get(name)?.toLowerCase() === 'true';
  }

  isReadOnly(name: string): boolean {
    return this.expanded.get(name.toLowerCase())?.isReadOnly === true;
  }

  isSecret(name: string): boolean {
    return this.expanded.get(name.toLowerCase())?.isSecret === true;
  }

  /** Sets a value as it stands. What was once secret or read-only stays so. */
  set(variable: Variable): void {
    const key = variable.name.toLowerCase();
    const before = this.expanded.get(key);
    const isSecret = variable.isSecret === true || before?.isSecret === true;
    if (isSecret) this.masker.add(variable.value);
    const now: Variable = {
      ...variable,
      isSecret,
      isReadOnly: variable.isReadOnly === true || before?.isReadOnly === true,
    };
    this.stored.set(key, now);
    this.expanded.set(key, now);
  }

  /** All variables with their expanded values. */
  all(): Variable[] {
    return [...this.expanded.values()];
  }

  /** Puts values in the place of $(name); a name that is no variable stays as it is. Values are not expanded once more. */
  expand(text: string): string {
    return expandMacros(text, name => this.get(name));
  }

  /**
   * Puts the values of variables into one another, as the agent does before each step.
   * @returns warnings about references in a circle or too deep; such values stay unexpanded.
   */
  recalculate(): string[] {
    const warnings: string[] = [];
    const expanded = new Map<string, Variable>();
    for (const [key, variable] of this.stored) {
      try {
        const { value, secret } = this.resolve(key, []);
        const isSecret = variable.isSecret === true || secret;
        if (isSecret && value !== variable.value) this.masker.add(value);
        expanded.set(key, { ...variable, value, isSecret });
      } catch (error) {
        warnings.push((error as Error).message);
        expanded.set(key, variable);
      }
    }
    this.expanded = expanded;
    return warnings;
  }

  private resolve(key: string, path: string[]): { value: string; secret: boolean } {
    const variable = this.stored.get(key);
    if (variable === undefined) return { value: '', secret: false };
    const name = path[0] ?? key;
    if (path.includes(key)) throw new Error(`Unable to expand variable '${name}'. A cyclical reference was detected.`);
    if (path.length >= maximumDepth)
      throw new Error(`Unable to expand variable '${name}': deeper than ${maximumDepth} levels.`);
    let secret = variable.isSecret === true;
    const value = expandMacros(variable.value, nested => {
      if (!this.stored.has(nested.toLowerCase())) return undefined;
      const inner = this.resolve(nested.toLowerCase(), [...path, key]);
      secret ||= inner.secret;
      return inner.value;
    });
    return { value, secret };
  }
}

/** Replaces $(name) where `lookup` knows the name; what it puts in is not searched again. */
export function expandMacros(text: string, lookup: (name: string) => string | undefined): string {
  let result = text;
  let from = 0;
  while (from < result.length) {
    const start = result.indexOf('$(', from);
    if (start < 0) break;
    const end = result.indexOf(')', start + 2);
    if (end < 0) break;
    const name = result.slice(start + 2, end);
    const value = name === '' ? undefined : lookup(name);
    if (value === undefined) {
      from = start + 1;
    } else {
      result = result.slice(0, start) + value + result.slice(end + 1);
      from = start + value.length;
    }
  }
  return result;
}

/** The name of a variable's or input's environment variable. */
export function environmentName(name: string, preserveCase = false): string {
  const plain = name.replaceAll('.', '_').replaceAll(' ', '_');
  return preserveCase ? plain : plain.toUpperCase();
}
