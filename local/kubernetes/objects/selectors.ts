import { badRequest } from '../api/status-error';
import { isRecord, type ApiObject } from './api-object';
import { selectableValue, type Resource } from './resources';

export type Matcher = (labels: Readonly<Record<string, string>>) => boolean;

/**
 * A label selector in its query form: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
 * @throws StatusError 400
 */
export function parseLabelSelector(text: string): Matcher {
  const tests = splitOutsideBrackets(text).map(requirement => parseRequirement(requirement, text));
  return labels => tests.every(test => test(labels));
}

/** A selector of a workload: matchLabels and matchExpressions. One that is absent matches nothing, an empty one everything. */
export function matchLabelSelector(selector: unknown): Matcher {
  if (!isRecord(selector)) return () => false;
  const labels = isRecord(selector.matchLabels) ? Object.entries(selector.matchLabels) : [];
  const expressions = Array.isArray(selector.matchExpressions) ? selector.matchExpressions.filter(isRecord) : [];
  return actual =>
    labels.every(([key, value]) => actual[key] === value) &&
    expressions.every(({ key, operator, values }) => {
      const value = actual[String(key)];
      const listed = Array.isArray(values) && value !== undefined && values.includes(value);
      switch (operator) {
        case 'In':
          return listed;
        case 'NotIn':
          return !listed;
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    });
}

/**
 * A field selector: `metadata.name=x,status.phase!=Running`.
 * @throws StatusError 400 for a field that this resource cannot be selected by
 */
export function parseFieldSelector(resource: Resource, text: string): (object: ApiObject) => boolean {
  const allowed = new Set(['metadata.name', 'metadata.namespace', ...resource.selectableFields]);
  const tests = text
    .split(',')
    .filter(term => term !== '')
    .map(term => {
      const parts = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
      if (!parts) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
      const [, field = '', operator, value] = parts;
      if (!allowed.has(field)) {
        throw badRequest(
          `Unable to find "${resource.group}/${resource.version}, Resource=${resource.plural}" that match label selector "", field selector "${text}": field label not supported: ${field}`,
        );
      }
      return (object: ApiObject) => (selectableValue(object, field) === value) === (operator !== '!=');
    });
  return object => tests.every(test => test(object));
}

function splitOutsideBrackets(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map(term => term.trim())
    .filter(term => term !== '');
}

function parseRequirement(text: string, whole: string): Matcher {
  const exists = /^(!?)\s*([^\s=!(),]+)$/.exec(text);
  if (exists) {
    const [, not, key = ''] = exists;
    return labels => (labels[key] !== undefined) === (not === '');
  }
  const equality = /^([^\s=!(),]+)\s*(==|=|!=)\s*([^\s=!(),]*)$/.exec(text);
  if (equality) {
    const [, key = '', operator, value] = equality;
    return labels => (labels[key] === value) === (operator !== '!=');
  }
  const set = /^([^\s=!(),]+)\s+(in|notin)\s+\(([^()]*)\)$/.exec(text);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map(value => value.trim());
    return labels => {
      const value = labels[key];
      return (value !== undefined && values.includes(value)) === (operator === 'in');
    };
  }
  throw badRequest(`unable to parse requirement: found '${text}' in '${whole}'`);
}
