import { isMap, isScalar, parseDocument, visit, type Document, type Scalar, type ScalarTag, type Tags } from 'yaml';
import { TaskError } from '../../lib/task-error';

const yes: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:yes|Yes|YES|on|On|ON)$/,
  resolve: () => true,
};
const no: ScalarTag = { ...yes, test: /^(?:no|No|NO|off|Off|OFF)$/, resolve: () => false };

/** As PyYAML reads job files for `az ml`, where it matters: merge keys, and `yes` and `off` are booleans. */
export const yamlOptions = { merge: true, customTags: (tags: Tags): Tags => [yes, no, ...tags] };

/** Maps that hold text whatever it looks like. */
const textMaps = ['inputs', 'environment_variables', 'tags', 'properties'];
/** Maps whose keys the user makes up; anywhere else an override must name what the job has. */
const openMaps = new Set(['environment_variables', 'tags', 'properties']);
/** Keys that a job need not have to be given. */
const openKeys = new Set([
  'code',
  'compute',
  'display_name',
  'description',
  'distribution',
  'experiment_name',
  'limits',
  'resources',
]);

/**
 * The document as a plain value. Numbers and dates among inputs, variables and tags keep the text that they were written
 * with: the service takes text only, and `1.10` is not `1.1`.
 */
export function plainValue(document: Document): unknown {
  for (const name of textMaps) {
    const map: unknown = document.get(name, true);
    if (!isMap(map)) continue;
    visit(map, {
      Scalar: (_key, node) => {
        if (node.source !== undefined && typeof node.value !== 'boolean' && node.value !== null)
          node.value = typeof node.value === 'string' ? node.value : node.source;
      },
    });
  }
  return document.toJS();
}

/**
 * Applies one `path=value` to the job. @throws TaskError when the job has no such path, unless the path is one that a
 * user may add
 */
export function applyOverride(document: Document, path: string, value: string, file: string): void {
  const keys = path.split('.');
  const [first = '', second] = keys;
  const known = document.hasIn(keys) || (second !== undefined && openMaps.has(first)) || openKeys.has(first);
  if (!known) {
    const parent: unknown = keys.length > 1 ? document.getIn(keys.slice(0, -1), true) : document.contents;
    const siblings = isMap(parent) ? parent.items.map(item => String(item.key)) : [];
    throw new TaskError(
      [
        `set: the job ${file} has no ${path}.`,
        siblings.length > 0 ? `There ${siblings.length === 1 ? 'is' : 'are'} ${siblings.join(', ')}.` : '',
      ]
        .join(' ')
        .trim(),
      { code: 'GuardianInput' },
    );
  }
  for (let length = 1; length < keys.length; length++) {
    const above: unknown = document.getIn(keys.slice(0, length), true);
    if (above !== undefined && !isMap(above))
      throw new TaskError(`set: ${path} cannot be set, because ${keys.slice(0, length).join('.')} is a single value.`, {
        code: 'GuardianInput',
      });
  }
  document.setIn(keys, scalarOf(value));
}

/** A value as the file would have it: `5` is a number, `true` a boolean; what is no plain value in YAML is text. */
function scalarOf(value: string): Scalar | string {
  const { contents, errors } = parseDocument(value, yamlOptions);
  return errors.length === 0 && isScalar(contents) && contents.value !== null ? contents : value;
}
