import { readFileSync } from 'node:fs';
import {
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ScalarTag,
  type Tags,
  type YAMLMap,
} from 'yaml';
import { z } from 'zod';
import { TaskError } from '../task-error';

/**
 * A number where the service takes text only, as among inputs and tags: it keeps the digits that it was written with, since
 * `1.10` is not `1.1`.
 */
export class WrittenNumber {
  constructor(
    readonly text: string,
    readonly isInteger: boolean,
  ) {}

  toString(): string {
    return this.text;
  }
}

export const scalar = z.union([z.string(), z.number(), z.boolean(), z.instanceof(WrittenNumber)]);
export type Scalar = z.output<typeof scalar>;
export const strings = z.record(z.string(), scalar.transform(String));

const yes: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:yes|Yes|YES|on|On|ON)$/,
  resolve: () => true,
};
const no: ScalarTag = { ...yes, test: /^(?:no|No|NO|off|Off|OFF)$/, resolve: () => false };

/** As PyYAML reads files for `az ml`, where it matters: merge keys, and `yes` and `off` are booleans. */
export const yamlOptions = { merge: true, customTags: (tags: Tags): Tags => [yes, no, ...tags] };

/** Maps whose numbers the service takes as text. */
const textMaps = new Set(['inputs', 'environment_variables', 'tags', 'properties']);

/** @param what such as "job file" @param input that names it. @throws TaskError when it cannot be read */
export function readText(path: string, what: string, input: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : `cannot be read (${String(error)})`;
    throw new TaskError(
      `The ${what} ${path} ${reason}. Is the repository checked out, and ${input} relative to its root?`,
      { code: 'GuardianInput', cause: error },
    );
  }
}

/** @param input that names the file. @throws TaskError when it cannot be read, is no YAML or no map */
export function readYamlFile(path: string, input: string): YamlFile {
  return YamlFile.parse(readText(path, 'file', input), path);
}

/** A file of `az ml`, which holds one map. */
export class YamlFile {
  private constructor(
    /** How messages call it. */
    readonly name: string,
    readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  /** @throws TaskError when the text is no YAML or no map */
  static parse(text: string, name: string): YamlFile {
    const lines = new LineCounter();
    const document = parseDocument(text, { ...yamlOptions, lineCounter: lines });
    const [syntax] = document.errors;
    if (syntax)
      throw new TaskError(`${name} is not valid YAML: ${syntax.message}`, { code: 'GuardianInput', cause: syntax });
    if (!isMap(document.contents))
      throw new TaskError(`${name} must be a map of keys and values, as files of az ml are.`, {
        code: 'GuardianInput',
      });
    return new YamlFile(name, document, lines);
  }

  /** The file as a plain value, with numbers that are text to the service as WrittenNumber. */
  plain(): unknown {
    if (isMap(this.document.contents)) keepNumbersAsWritten(this.document.contents);
    return this.document.toJS();
  }

  /**
   * The part of the file at `path`, checked. @throws TaskError that lists every problem with its line
   * @param what the file is taken for, such as "a command job"
   */
  check<T extends z.ZodType>(schema: T, value: unknown, path: readonly PropertyKey[], what: string): z.output<T> {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const problems = parsed.error.issues.flatMap(issue => {
      const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
      return keys.map(key => {
        const place = [...path, ...issue.path, ...(key === undefined ? [] : [key])];
        const text = key === undefined ? issue.message : 'this key is not known, or not supported yet';
        return `line ${this.lineOf(place)}: ${place.join('.')}: ${text}`;
      });
    });
    throw new TaskError(
      `${this.name} is not ${what} as az ml knows it:\n${problems.map(problem => `  - ${problem}`).join('\n')}`,
      { code: 'GuardianInput' },
    );
  }

  /** The line of the nearest node that the file has on the way to a path. */
  lineOf(path: readonly PropertyKey[]): number {
    for (let length = path.length; length > 0; length--) {
      const parent: unknown = this.document.getIn(path.slice(0, length - 1), true);
      const pair = isMap(parent)
        ? parent.items.find(item => isNode(item.key) && String(item.key) === String(path[length - 1]))
        : undefined;
      const node: unknown = pair?.key ?? this.document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return this.lines.linePos(node.range[0]).line;
    }
    return 1;
  }
}

function keepNumbersAsWritten(map: YAMLMap): void {
  for (const { key, value } of map.items) {
    const name = isScalar(key) ? String(key.value) : '';
    if (!isMap(value)) continue;
    if (textMaps.has(name)) {
      visit(value, {
        Scalar: (_key, node) => {
          if (typeof node.value === 'number' && node.source !== undefined)
            node.value = new WrittenNumber(node.source, /^[-+]?\d+$/.test(node.source));
        },
      });
    } else if (name === 'jobs') {
      for (const step of value.items) if (isMap(step.value)) keepNumbersAsWritten(step.value);
    } else if (name === 'component' || name === 'trial') {
      keepNumbersAsWritten(value);
    }
  }
}
