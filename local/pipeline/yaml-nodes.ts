import { existsSync, readFileSync, statSync } from 'node:fs';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Node, type Scalar } from 'yaml';
import { PipelineError, type Position } from './pipeline-error';

export interface ScalarNode {
  kind: 'scalar';
  /** As written: Azure Pipelines reads every scalar as text, so 1.10 stays 1.10. */
  text: string;
  /** Nothing, `~` or `null` was written. */
  isNull: boolean;
  at: Position;
}

export interface SequenceNode {
  kind: 'sequence';
  items: YamlNode[];
  at: Position;
}

export interface MappingNode {
  kind: 'mapping';
  entries: { key: ScalarNode; value: YamlNode }[];
  at: Position;
}

export type YamlNode = ScalarNode | SequenceNode | MappingNode;

/**
 * Reads a YAML file with the place of everything in it.
 * @param name the file's name in messages.
 * @throws PipelineError for what is no YAML, and for what Azure Pipelines does not take: anchors, tags, several documents, a key twice.
 */
export function readYamlFile(file: string, name: string): YamlNode {
  const start: Position = { file: name, line: 1, column: 1 };
  if (!existsSync(file) || !statSync(file).isFile()) throw new PipelineError(start, 'This file does not exist.');
  return parseYaml(readFileSync(file, 'utf8'), name);
}

export function parseYaml(text: string, name: string): YamlNode {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file: name, line, column: col };
  };
  const documents = parseAllDocuments(text, { lineCounter: lines, schema: 'failsafe', uniqueKeys: false });
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (document === undefined) throw new PipelineError({ file: name, line: 1, column: 1 }, 'This file is empty.');
  const problem = document.errors[0];
  if (problem) throw new PipelineError(positionAt(problem.pos[0]), problem.message.split('\n')[0] ?? problem.message);
  if (second) {
    throw new PipelineError(positionAt(second.range[0]), 'Only one YAML document is allowed in a file.');
  }

  const convert = (node: Node | null, parent: Position): YamlNode => {
    if (node === null) return { kind: 'scalar', text: '', isNull: true, at: parent };
    const at = node.range ? positionAt(node.range[0]) : parent;
    if (isAlias(node) || node.anchor !== undefined)
      throw new PipelineError(at, 'Anchors and aliases are not supported by Azure Pipelines.');
    if (isScalar(node)) return scalar(node, at);
    if (isSeq<Node | null>(node)) return { kind: 'sequence', at, items: node.items.map(item => convert(item, at)) };
    if (!isMap<Node, Node | null>(node))
      throw new PipelineError(at, 'This is no YAML that Azure Pipelines understands.');
    const entries = node.items.map(pair => {
      const key = convert(pair.key, at);
      if (key.kind !== 'scalar') throw new PipelineError(key.at, 'A key must be text.');
      return { key, value: convert(pair.value, key.at) };
    });
    const seen = new Set<string>();
    for (const { key } of entries) {
      // The same condition may stand twice.
      if (key.text.startsWith('${{')) continue;
      if (seen.has(key.text.toLowerCase())) throw new PipelineError(key.at, `'${key.text}' is already defined.`);
      seen.add(key.text.toLowerCase());
    }
    return { kind: 'mapping', at, entries };
  };
  return convert(document.contents, { file: name, line: 1, column: 1 });
}

function scalar(node: Scalar, at: Position): ScalarNode {
  const text = typeof node.value === 'string' ? node.value : '';
  const isNull = node.type === 'PLAIN' && /^(|~|null)$/i.test(text);
  return { kind: 'scalar', text: isNull ? '' : text, isNull, at };
}
