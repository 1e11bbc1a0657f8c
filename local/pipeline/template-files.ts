import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { objectValue } from './expressions/values';
import { Fields, isNothing } from './fields';
import { readParameters, type GivenParameter } from './parameters';
import { PipelineError } from './pipeline-error';
import { mappingEntries, valueOfSource, type Scope, type Source } from './template';
import { readYamlFile } from './yaml-nodes';

export interface TemplateFile {
  /** The whole file with its own parameters in scope. */
  content: Source;
  /** One section of the file. @throws PipelineError when the file lacks it or has others than `allowed`. */
  section: (name: string, allowed: readonly string[]) => Source;
}

/** Deepest nesting of templates that Azure Pipelines takes. */
const deepest = 50;
const depthOf = Symbol('depth');

/**
 * Opens the template that `template: path` names, relative to the file that names it, or with a leading slash to the repository.
 * @param caller scope of the place that uses the template: its variables are known inside, its parameters are not.
 */
export function openTemplate(path: string, caller: Source, fields: Fields, sourcesDir: string): TemplateFile {
  const at = fields.place('template');
  const [file = '', repository] = path.split('@');
  if (repository !== undefined && repository !== 'self') {
    throw new PipelineError(
      at,
      `The template ${path} is in the repository '${repository}'; only templates of this repository are supported.`,
    );
  }
  const absolute = isAbsolute(file) ? join(sourcesDir, file) : resolve(dirname(caller.scope.file), file);
  const node = readExisting(absolute, path, at, sourcesDir);
  const depth = ((caller.scope as { [depthOf]?: number })[depthOf] ?? 0) + 1;
  if (depth > deepest)
    throw new PipelineError(at, `Templates are nested deeper than ${deepest} levels: does ${path} include itself?`);

  const bare: Scope = { file: absolute, names: {} };
  const declared =
    node.kind === 'mapping' ? node.entries.find(({ key }) => key.text === 'parameters')?.value : undefined;
  const given = new Map<string, GivenParameter>();
  const parametersSource = fields.source('parameters');
  if (parametersSource !== undefined && !isNothing(parametersSource)) {
    for (const { key, at: place, value } of mappingEntries(parametersSource, 'parameters')) {
      given.set(key, { value: valueOfSource(value), at: place });
    }
  }
  const parameters = readParameters(declared && { node: declared, scope: bare }, given, at);
  const names = { variables: caller.scope.names['variables'] ?? objectValue([]), parameters };
  const scope = { file: absolute, names, [depthOf]: depth } as Scope;
  const content: Source = { node, scope };
  return {
    content,
    section: (name, allowed) => {
      const source = new Fields(content, `the template ${path}`, allowed).source(name);
      if (source === undefined) throw new PipelineError(at, `The template ${path} has no '${name}'.`);
      return source;
    },
  };
}

function readExisting(absolute: string, path: string, at: Fields['at'], sourcesDir: string): Source['node'] {
  try {
    return readYamlFile(absolute, displayName(absolute, sourcesDir));
  } catch (error) {
    if (error instanceof PipelineError && error.text === 'This file does not exist.') {
      throw new PipelineError(at, `The template ${path} could not be found (${absolute}).`);
    }
    throw error;
  }
}

/** A file's name in messages: relative to the repository when it is in there. */
export function displayName(file: string, sourcesDir: string): string {
  const path = relative(sourcesDir, file);
  return path.startsWith('..') || isAbsolute(path) ? file : path;
}
