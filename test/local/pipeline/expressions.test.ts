import assert from 'node:assert/strict';
import { checkedExpression, evaluate } from '../../../local/pipeline/expressions/evaluate';
import { toJson, valueOf } from '../../../local/pipeline/expressions/values';

const context = {
  names: {
    variables: valueOf({ name: 'Guardian', empty: '', 'Build.Reason': 'Manual', two: '2' }),
    parameters: valueOf({ list: ['a', 'b'], map: { One: 1, two: { deep: 'x' } }, items: [{ n: 'p' }, { n: 'q' }] }),
  },
  functions: {},
};

const value = (text: string): unknown => toJson(evaluate(checkedExpression(text, context), context));

describe('expressions', () => {
  const table: Record<string, unknown> = {
    "'it''s'": "it's",
    '-1.5': -1.5,
    '0x1F': 31,
    TRUE: true,
    'variables.NAME': 'Guardian',
    "variables['Build.Reason']": 'Manual',
    "variables['nope']": null,
    'parameters.list[1]': 'b',
    'parameters.list[7]': null,
    'parameters.map.TWO.deep': 'x',
    'parameters.items.*.n': ['p', 'q'],
    'parameters.items[*].n': ['p', 'q'],
    'parameters.map.nope.deeper': null,

    "eq('ABC', 'abc')": true,
    "eq(1, '1')": true,
    "eq(1, 'x')": false,
    "eq(true, 'false')": true,
    "eq('True', true)": true,
    "eq(variables['nope'], '')": true,
    "eq('', variables['nope'])": true,
    "ne('a', 'b')": true,
    'and(true, true, false)': false,
    "or('', 0, 'x')": true,
    "not('')": true,
    'xor(true, false)': true,
    'gt(3, variables.two)': true,
    'ge(2, 2)': true,
    "lt('a', 'B')": true,
    'le(true, false)': false,
    "in('b', 'A', 'B')": true,
    "notIn('c', 'A', 'B')": true,
    "contains('Guardian', 'DIAN')": true,
    "containsValue(parameters.list, 'B')": true,
    "containsValue(parameters.map, '1')": true,
    "startsWith('refs/heads/main', 'REFS/HEADS')": true,
    "endsWith('a.yml', '.yml')": true,
    "format('{0} of {1}: {{x}} {0}', 1, true)": '1 of True: {x} 1',
    "join('; ', parameters.list)": 'a; b',
    "join(',', parameters.items)": ',',
    "coalesce(variables.empty, variables['nope'], 'z')": 'z',
    "lower('ABC')": 'abc',
    "upper('abc')": 'ABC',
    "trim('  a ')": 'a',
    "replace('a-b-c', '-', '$&')": 'a$&b$&c',
    "split('a,b;c', ',;')": ['a', 'b', 'c'],
    "length('abc')": 3,
    'length(parameters.list)': 2,
    "iif(eq(1, 1), 'yes', 'no')": 'yes',
    'convertToJson(parameters.list)': '[\n  "a",\n  "b"\n]',
    // The second argument is not evaluated: it would fail.
    "or(true, gt(1, 'x'))": true,
    "and(false, gt(1, 'x'))": false,
  };
  for (const [text, expected] of Object.entries(table)) {
    it(`${text} is ${JSON.stringify(expected)}`, () => assert.deepEqual(value(text), expected));
  }

  const wrong: Record<string, RegExp> = {
    "eq('a')": /'eq' takes 2 arguments, not 1/,
    'frobnicate(1)': /Unrecognized function: 'frobnicate'/,
    'environment.x': /Unrecognized value: 'environment'.*variables, parameters/,
    "and(true, or(false, nope('x')))": /Unrecognized function: 'nope'/,
    "'open": /closing quote/,
    'eq(1, 2': /'\)' expected at its end|',' expected at its end/,
    'eq(1 2)': /expected at '2'/,
    'variables.': /name is missing after the dot/,
    'variables == 1': /Unexpected symbol '== 1'/,
    '': /value is missing/,
    "gt(1, 'x')": /Unable to convert from String to Number/,
    "format('{1}', 'a')": /argument 1, and there are 1/,
    "format('{', 'a')": /not valid/,
    'lower(parameters.list)': /Unable to convert from Array to String/,
    'ge(variables.two, 1.2.3)': /version number is not supported/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    it(`${text || 'nothing'} is refused`, () => assert.throws(() => value(text), message));
  }
});
