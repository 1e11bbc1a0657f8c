import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { plannedAssets } from '../../../tasks/SubmitTrainingJob/job-body/job-assets';
import { jobBody, type JobBody } from '../../../tasks/SubmitTrainingJob/job-body/job-body';
import { readJobFile } from '../../../tasks/SubmitTrainingJob/job-file/read-job-file';
import { yamlOptions } from '../../../lib/azureml/yaml-file';
import { FakeWorkspace } from './submit-fake-workspace';

type Json = Record<string, unknown>;

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
/** Any text, expressions of the service among it. */
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }),
  fc.tuple(name, name).map(([kind, key]) => `a \${{${kind}.${key}}} b`),
  // What YAML takes for something else when it is not quoted.
  fc.constantFrom(
    'yes',
    'null',
    '1.10',
    '0x1f',
    '~',
    '- a',
    '{a: b}',
    'a: b',
    '#x',
    ' x ',
    '2026-01-01',
    'a\nb',
    '!tag',
  ),
);
const decimal = fc.tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: 1, max: 99 })).map(
  // Never a whole number, which YAML would write without its decimals.
  ([whole, cents]) => whole + (cents === 50 ? 0.25 : cents / 100),
);
const literal = fc.oneof(text, fc.integer(), decimal, fc.boolean());
const texts = fc.dictionary(name, text, { maxKeys: 4, noNullPrototype: true });
const dataType = fc.constantFrom('uri_file', 'uri_folder', 'mltable');
const remote = name.map(part => `azureml://datastores/store/paths/${part}/`);
const inputMode = fc.constantFrom('ro_mount', 'download', 'direct');
const data = fc.record({ type: dataType, path: remote, mode: inputMode });
const positive = fc.integer({ min: 1, max: 1000 });

/** A command job file as a value, with any of the optional parts. */
const jobFile = fc.record(
  {
    command: text,
    environment: fc.record({ image: name }),
    experiment_name: name,
    display_name: text,
    description: text,
    tags: texts,
    properties: texts,
    environment_variables: texts,
    inputs: fc.dictionary(name, fc.oneof(literal, data), { maxKeys: 4, noNullPrototype: true }),
    outputs: fc.dictionary(name, fc.record({ type: dataType, path: remote }), { maxKeys: 3, noNullPrototype: true }),
    resources: fc.record({ instance_count: positive, instance_type: name, shm_size: fc.constant('2g') }),
    limits: fc.record({ timeout: fc.integer({ min: 1, max: 10_000_000 }) }),
    distribution: fc.record({ type: fc.constantFrom('pytorch', 'mpi'), process_count_per_instance: positive }),
    identity: fc.record({ type: fc.constant('managed'), client_id: name }),
    queue_settings: fc.record({ job_tier: fc.constantFrom('spot', 'standard') }),
  },
  { requiredKeys: ['command', 'environment'], noNullPrototype: true },
);
type JobFileValue = typeof jobFile extends fc.Arbitrary<infer T> ? T : never;

/** Reads a body back into what a file would say: written from the API's documentation, not from the code. */
function fileOf(body: Json): Json {
  const given = (value: unknown): value is Json => value !== undefined && Object.keys(value as Json).length > 0;
  const map = (value: unknown, change: (item: Json) => unknown): Json =>
    Object.fromEntries(Object.entries(value as Json).map(([key, item]) => [key, change(item as Json)]));
  const limits = body['limits'] as { timeout: string } | undefined;
  const { resources, distribution, identity, queueSettings } = body as Record<string, Json | undefined>;
  const parts: Json = {
    command: body['command'],
    experiment_name: body['experimentName'],
    display_name: body['displayName'],
    description: body['description'],
    tags: body['tags'],
    properties: body['properties'],
    environment_variables: body['environmentVariables'],
    inputs: map(body['inputs'], input =>
      input['jobInputType'] === 'literal'
        ? input['value']
        : { type: input['jobInputType'], path: input['uri'], mode: modeOf(input['mode']) },
    ),
    outputs: map(body['outputs'], output => ({ type: output['jobOutputType'], path: output['uri'] })),
    resources: resources && {
      instance_count: resources['instanceCount'],
      instance_type: resources['instanceType'],
      shm_size: resources['shmSize'],
    },
    limits: limits && { timeout: secondsOf(limits.timeout) },
    distribution: distribution && {
      type: String(distribution['distributionType']).toLowerCase(),
      process_count_per_instance: distribution['processCountPerInstance'],
    },
    identity: identity && { type: 'managed', client_id: identity['clientId'] },
    queue_settings: queueSettings && { job_tier: String(queueSettings['jobTier']).toLowerCase() },
  };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => typeof value === 'string' || given(value)));
}

function modeOf(mode: unknown): string {
  return { ReadOnlyMount: 'ro_mount', Download: 'download', Direct: 'direct' }[String(mode)] ?? String(mode);
}

function secondsOf(duration: string): number {
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] =
    /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(duration) ?? [];
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
}

/** The file as the service can know it: single values are text there, booleans as Python writes them. */
function asText(given: JobFileValue): Json {
  const { ...file }: Partial<JobFileValue> = structuredClone(given);
  delete file.environment;
  const inputs = Object.entries(file.inputs ?? {}).map(([key, value]) => [
    key,
    typeof value === 'object' ? value : typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value),
  ]);
  const plain: Json = { ...file, inputs: Object.fromEntries(inputs) };
  return Object.fromEntries(
    Object.entries(plain).filter(
      ([, value]) => value !== undefined && (typeof value === 'string' || Object.keys(value as Json).length > 0),
    ),
  );
}

describe('any job file, whole', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'guardian-job-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  // An async function, so that a refusal at reading and one at building look the same.
  async function body(file: Json, set: Record<string, string> = {}): Promise<JobBody> {
    const path = join(folder, 'job.yml');
    writeFileSync(path, stringify(file, yamlOptions));
    return jobBody(readJobFile(path, set), plannedAssets(new FakeWorkspace().workspace));
  }

  it('is all there in the REST body', () =>
    fc.assert(
      fc.asyncProperty(jobFile, async file => {
        assert.deepEqual(fileOf(await body(file)), asText(file));
      }),
      { numRuns: 200 },
    ));

  it('is the same with an override as with the value in the file', () =>
    fc.assert(
      fc.asyncProperty(
        jobFile.filter(file => leavesOf(file).length > 0),
        fc.nat(),
        fc.oneof(
          fc.integer({ min: 1, max: 1000 }),
          fc.boolean(),
          fc.stringMatching(/^w[a-z]{1,8}( [a-z]{1,8})?$/),
          name.map(part => `azureml://datastores/store/paths/${part}/`),
        ),
        async (file, index, value) => {
          const leaves = leavesOf(file);
          const path = leaves[index % leaves.length]!;
          const edited = structuredClone(file) as Json;
          const parent = path.slice(0, -1).reduce<Json>((at, key) => at[key] as Json, edited);
          parent[path.at(-1)!] = value;
          // Both are refused, or both give the same.
          const outcome = (made: Promise<JobBody>): Promise<unknown> =>
            made.catch((error: unknown) => String(error).replace(/line \d+/g, 'line'));
          assert.deepEqual(await outcome(body(file, { [path.join('.')]: String(value) })), await outcome(body(edited)));
        },
      ),
      { numRuns: 150 },
    ));
});

/** Paths of the single values that an override may name. */
function leavesOf(file: Json, above: string[] = []): string[][] {
  return Object.entries(file).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null ? leavesOf(value as Json, [...above, key]) : [[...above, key]],
  );
}
