import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { stringify as yaml } from 'yaml';
import { jobBody } from '../../../tasks/SubmitTrainingJob/job-body/job-body';
import { plannedAssets } from '../../../tasks/SubmitTrainingJob/job-body/job-assets';
import { readJobFile } from '../../../tasks/SubmitTrainingJob/job-file/read-job-file';
import { FakeWorkspace } from './submit-fake-workspace';

type Spec = Record<string, unknown>;

/** YAML 1.1, as `az ml` reads it: there `no` is a boolean and has to be quoted. */
const asYaml = (spec: Spec): string => yaml(spec, { version: '1.1' });

const key = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,11}$/);
/** Text of any kind: quotes, colons, line breaks, what looks like numbers and booleans, other scripts. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).map(value => value.replace(/\p{C}/gu, '')),
  fc.constantFrom(
    'true',
    'no',
    '1.10',
    '0x1F',
    'null',
    '~',
    '- a',
    'a: b',
    '# no comment',
    '${{inputs.x}}',
    '*a',
    '&a',
    '!!str',
    ' padded ',
    'two\nlines',
  ),
);
const map = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Spec> =>
  fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true });

const commandJob: fc.Arbitrary<Spec> = fc.record(
  {
    command: text.map(value => `python train.py ${value}`.trim()),
    environment: fc.constant('azureml:sklearn:1'),
    compute: fc.constant('azureml:cpu-cluster'),
    display_name: text.filter(value => value !== ''),
    environment_variables: map(text),
    tags: map(text),
    inputs: map(text.filter(value => value !== '' && !/^(azureml:|https?:)/.test(value))),
    outputs: map(
      fc.record({ type: fc.constantFrom('uri_folder', 'uri_file'), mode: fc.constantFrom('upload', 'rw_mount') }),
    ),
    resources: fc.record({ instance_count: fc.integer({ min: 1, max: 2 }) }),
    limits: fc.record({ timeout: fc.integer({ min: 1, max: 100_000 }) }),
    distribution: fc.record({
      type: fc.constantFrom('pytorch', 'tensorflow', 'mpi').filter(type => type !== 'tensorflow'),
      process_count_per_instance: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { requiredKeys: ['command', 'environment', 'compute'] },
);

describe('any command job file', () => {
  const fake = new FakeWorkspace();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-properties-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What the service gets, of the file's text. */
  async function bodyOf(file: string, set: Record<string, string> = {}): Promise<Spec> {
    const path = join(folder, 'job.yml');
    writeFileSync(path, file);
    return await jobBody(readJobFile(path, set), plannedAssets(fake.workspace));
  }
  const times = { numRuns: 100, seed: 20261123 };

  it('keeps every text as it is: command, variables, tags and inputs', () =>
    fc.assert(
      fc.asyncProperty(commandJob, async spec => {
        const properties = await bodyOf(asYaml(spec));
        assert.equal(properties['command'], spec['command']);
        assert.deepEqual(properties['environmentVariables'] ?? {}, spec['environment_variables'] ?? {});
        assert.deepEqual(properties['tags'] ?? {}, spec['tags'] ?? {});
        const literals = Object.entries((properties['inputs'] ?? {}) as Record<string, { value: string }>).map(
          ([name, { value }]) => [name, value],
        );
        assert.deepEqual(Object.fromEntries(literals), spec['inputs'] ?? {});
        assert.deepEqual(Object.keys(properties['outputs'] ?? {}).sort(), Object.keys(spec['outputs'] ?? {}).sort());
      }),
      times,
    ));

  it('means the same in any order of its keys, and as JSON', () =>
    fc.assert(
      fc.asyncProperty(commandJob, async spec => {
        const expected = await bodyOf(asYaml(spec));
        assert.deepEqual(await bodyOf(asYaml(Object.fromEntries(Object.entries(spec).reverse()))), expected);
        assert.deepEqual(await bodyOf(JSON.stringify(spec)), expected);
      }),
      times,
    ));

  it('means the same with set: as with the value written into the file', () =>
    fc.assert(
      fc.asyncProperty(
        commandJob,
        fc.stringMatching(/^([a-z][a-z0-9-]{0,8}|[1-9][0-9]{0,3})$/),
        async (spec, value) => {
          for (const part of ['inputs', 'tags', 'environment_variables']) {
            for (const name of Object.keys(spec[part] ?? {}).slice(0, 1)) {
              const edited = {
                ...spec,
                [part]: { ...(spec[part] as Spec), [name]: /^\d/.test(value) ? Number(value) : value },
              };
              assert.deepEqual(
                await bodyOf(asYaml(spec), { [`${part}.${name}`]: value }),
                await bodyOf(asYaml(edited)),
              );
            }
          }
        },
      ),
      times,
    ));

  it('is refused for a key that no job has, which is named with its line', () =>
    fc.assert(
      fc.asyncProperty(commandJob, key, fc.constantFrom('', 'resources', 'limits'), async (spec, name, place) => {
        const unknown = `${name}_x`;
        const inside = place === '' ? spec : ((spec[place] ?? {}) as Spec);
        const file = place === '' ? { ...spec, [unknown]: 1 } : { ...spec, [place]: { ...inside, [unknown]: 1 } };
        const lines = asYaml(file).split('\n');
        const line = lines.findIndex(one => one.trim() === `${unknown}: 1`) + 1;
        await assert.rejects(bodyOf(lines.join('\n')), (error: Error) => {
          assert.match(error.message, new RegExp(unknown));
          assert.match(error.message, new RegExp(`line ${line}\\b`));
          return true;
        });
      }),
      times,
    ));
});
