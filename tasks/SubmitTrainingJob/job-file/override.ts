import { isMap, isScalar, parseDocument, type Document, type Scalar } from 'yaml';
import { TaskError } from '../../../lib/task-error';
import { yamlOptions } from '../../../lib/azureml/yaml-file';

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
  'queue_settings',
  'resources',
  'settings',
]);

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
