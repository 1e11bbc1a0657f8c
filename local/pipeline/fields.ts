import { PipelineError, type Position } from './pipeline-error';
import { mappingEntries, resolveSource, scalarText, sequenceItems, type Source } from './template';

/** The keys and values of one mapping, each taken by a reader that knows what it may be. */
export class Fields {
  readonly at: Position;
  private readonly entries: Map<string, { at: Position; value: Source }>;

  /**
   * @param allowed every key that the mapping may have.
   * @throws PipelineError that names the first key that it may not.
   */
  constructor(source: Source, what: string, allowed: readonly string[]) {
    this.at = source.node.at;
    this.entries = new Map();
    for (const { key, at, value } of mappingEntries(source, what)) {
      if (!allowed.includes(key)) {
        throw new PipelineError(at, `Unexpected value '${key}' in ${what}. Supported here are: ${allowed.join(', ')}.`);
      }
      this.entries.set(key, { at, value });
    }
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  source(key: string): Source | undefined {
    return this.entries.get(key)?.value;
  }

  /** Where a key stands; the mapping's place when it is not there. */
  place(key: string): Position {
    return this.entries.get(key)?.at ?? this.at;
  }

  text(key: string): string | undefined {
    const source = this.source(key);
    return source === undefined ? undefined : scalarText(source);
  }

  /** @throws PipelineError for what is neither true nor false. */
  flag(key: string, otherwise: boolean): boolean {
    const text = this.text(key);
    if (text === undefined || text === '') return otherwise;
    if (!/^(true|false)$/i.test(text))
      throw new PipelineError(this.place(key), `'${key}' must be true or false, not '${text}'.`);
    return text.toLowerCase() === 'true';
  }

  /** A whole number from 0. */
  count(key: string, otherwise: number): number {
    const text = this.text(key);
    if (text === undefined || text === '') return otherwise;
    if (!/^\d+$/.test(text))
      throw new PipelineError(this.place(key), `'${key}' must be a whole number, not '${text}'.`);
    return Number(text);
  }

  texts(key: string): Record<string, string> {
    const source = this.source(key);
    if (source === undefined || isNothing(source)) return {};
    return Object.fromEntries(mappingEntries(source, `'${key}'`).map(entry => [entry.key, scalarText(entry.value)]));
  }

  /** One text or a list of them. */
  list(key: string): string[] | undefined {
    const source = this.source(key);
    if (source === undefined) return undefined;
    if (isNothing(source)) return [];
    // What an expression stands for may be a list as well.
    const { kind } = resolveSource(source).node;
    return kind === 'sequence' ? sequenceItems(source, `'${key}'`).map(scalarText) : [scalarText(source)];
  }
}

export function isNothing(source: Source): boolean {
  return source.node.kind === 'scalar' && source.node.isNull;
}
