import assert from 'node:assert/strict';
import { errorOf, JobFixture, type ShownRun } from './job-fixture';

describe('local Azure: pipeline jobs', () => {
  let jobs: JobFixture;
  before(async () => {
    jobs = await JobFixture.start();
  });
  after(() => jobs.end());

  const steps = async (name: string): Promise<Record<string, ShownRun>> =>
    Object.fromEntries((await jobs.children(name)).map(child => [child.displayName, child]));
  const statuses = async (name: string): Promise<Record<string, string>> =>
    Object.fromEntries(Object.entries(await steps(name)).map(([step, child]) => [step, child.status]));

  it("hands a step's output to the next one, and the pipeline's inputs to both", async () => {
    await jobs.submit(
      'chain',
      jobs.pipeline(
        {
          prepare: jobs.step('echo "${{inputs.words}}" > ${{outputs.table}}/words.txt', {
            display_name: 'Prepare',
            inputs: { words: { job_input_type: 'literal', value: '${{parent.inputs.words}}' } },
            outputs: { table: { job_output_type: 'uri_folder' } },
          }),
          train: jobs.step(
            'cat ${{inputs.table}}/words.txt; echo $[[--seed ${{inputs.seed}}]]; tr a-z A-Z < ${{inputs.table}}/words.txt > ${{outputs.model}}/model.txt',
            {
              inputs: { table: '${{parent.jobs.prepare.outputs.table}}' },
              outputs: { model: { value: '${{parent.outputs.model}}', type: 'literal' } },
            },
          ),
        },
        {
          inputs: { words: { jobInputType: 'literal', value: 'cats and dogs' } },
          outputs: { model: { jobOutputType: 'custom_model', mode: 'Upload' } },
        },
      ),
    );
    const run = await jobs.ended('chain');
    assert.equal(run.status, 'Completed', JSON.stringify(await steps('chain')));
    const { Prepare: prepare, train } = await steps('chain');
    assert.ok(prepare && train);
    assert.equal(train.parentRunId, 'chain');
    assert.equal(train.rootRunId, 'chain');
    assert.equal(train.properties['azureml.pipelinerunid'], 'chain');
    assert.equal(await jobs.log(train.runId), 'cats and dogs\n\n');
    // The output of the pipeline is what its step wrote.
    const model = await jobs.arm('PUT', '/models/from-pipeline/versions/1', {
      properties: { modelUri: 'azureml://jobs/chain/outputs/model/paths/model.txt', modelType: 'custom_model' },
    });
    assert.equal(model.status, 201, model.text);
    const reader = jobs.command('cat ${{inputs.model}}', {
      inputs: { model: { jobInputType: 'custom_model', uri: 'azureml:from-pipeline:1' } },
    });
    await jobs.submit('reads-model', reader);
    await jobs.ended('reads-model');
    assert.equal(await jobs.log('reads-model'), 'CATS AND DOGS\n');
    // As in the service, ARM lists the pipeline and tells nothing of its steps.
    const listed = ((await jobs.arm('GET', '/jobs?jobType=Pipeline')).json as { value: { name: string }[] }).value;
    assert.deepEqual(
      listed.map(job => job.name),
      ['chain'],
    );
    assert.equal((await jobs.job(train.runId)).properties, null);
    const byClient = await jobs.azure.client().jobs.get(...jobs.azure.names, 'chain');
    assert.deepEqual([byClient.properties.jobType, byClient.properties.status], ['Pipeline', 'Completed']);
    const shown = (await jobs.job('chain')).properties as unknown as { jobs: object; settings: object };
    assert.deepEqual(Object.keys(shown.jobs), ['prepare', 'train']);
  });

  it('runs registered components, with their defaults and what the step says itself', async () => {
    const spec = {
      type: 'command',
      name: 'count',
      command:
        'echo ${{inputs.word}} ${{inputs.times}} $[[${{inputs.extra}}]] $GREETING $RANK > ${{outputs.result}}/text',
      environment: `azureml:${jobs.environmentId}`,
      inputs: {
        word: { type: 'string' },
        times: { type: 'integer', default: '3' },
        extra: { type: 'string', optional: true },
      },
      outputs: { result: { type: 'uri_folder' } },
      resources: { instance_count: 1 },
      distribution: { type: 'pytorch', process_count_per_instance: 1 },
    };
    const made = await jobs.arm('PUT', '/components/count/versions/1', { properties: { componentSpec: spec } });
    assert.equal(made.status, 201, made.text);
    const changed = await jobs.arm('PUT', '/components/count/versions/1', {
      properties: { componentSpec: { ...spec, command: 'false' } },
    });
    assert.equal(errorOf(changed).target, 'componentSpec');
    const step = (reference: string, word: string) => ({
      type: 'command',
      componentId: reference,
      inputs: { word: { job_input_type: 'literal', value: word } },
      environment_variables: { GREETING: 'hello' },
    });
    await jobs.submit(
      'components',
      jobs.pipeline({
        first: step(`${jobs.azure.workspaceId}/components/count/versions/1`, 'one'),
        latest: step('azureml:count@latest', 'two'),
        reads: jobs.step('cat ${{inputs.a}}/text ${{inputs.b}}/text', {
          inputs: { a: '${{parent.jobs.first.outputs.result}}', b: '${{parent.jobs.latest.outputs.result}}' },
        }),
      }),
    );
    assert.equal((await jobs.ended('components')).status, 'Completed');
    const { reads } = await steps('components');
    assert.equal(await jobs.log(reads?.runId ?? ''), 'one 3 hello 0\ntwo 3 hello 0\n');
    const refused = await jobs.put(
      'incomplete',
      jobs.pipeline({ a: { type: 'command', componentId: 'azureml:count:1' } }),
    );
    assert.match(errorOf(refused).message, /required input 'word' has no value/);
  });

  it('runs steps that need nothing of each other at the same time', async () => {
    const meet = (mine: string, other: string): string =>
      `touch ${jobs.azure.stateDir}/${mine}; while [ ! -e ${jobs.azure.stateDir}/${other} ]; do sleep 0.05; done`;
    await jobs.submit(
      'side-by-side',
      jobs.pipeline({ one: jobs.step(meet('one', 'two')), two: jobs.step(meet('two', 'one')) }),
    );
    assert.equal((await jobs.ended('side-by-side')).status, 'Completed');
  });

  it('stops at a failed step: what runs is canceled, what waits never starts', async () => {
    await jobs.submit(
      'stops',
      jobs.pipeline({
        fails: jobs.step('exit 5', { outputs: { rest: { job_output_type: 'uri_folder' } } }),
        runs: jobs.step('sleep 600'),
        waits: jobs.step('true', { inputs: { rest: '${{parent.jobs.fails.outputs.rest}}' } }),
      }),
    );
    const { status, error } = await jobs.ended('stops');
    assert.equal(status, 'Failed');
    assert.match(error?.error.message ?? '', /^Pipeline has failed child jobs\. Failed nodes: \/fails/);
    assert.deepEqual(await statuses('stops'), { fails: 'Failed', runs: 'Canceled' });
  });

  it('goes on with the other steps when it is told to', async () => {
    await jobs.submit(
      'goes-on',
      jobs.pipeline(
        {
          fails: jobs.step('exit 5', { outputs: { rest: { job_output_type: 'uri_folder' } } }),
          works: jobs.step('touch ${{outputs.rest}}/done', { outputs: { rest: { job_output_type: 'uri_folder' } } }),
          after_works: jobs.step('true', { inputs: { rest: '${{parent.jobs.works.outputs.rest}}' } }),
          after_fails: jobs.step('true', { inputs: { rest: '${{parent.jobs.fails.outputs.rest}}' } }),
        },
        { settings: { continue_on_step_failure: true } },
      ),
    );
    assert.equal((await jobs.ended('goes-on')).status, 'Failed');
    assert.deepEqual(await statuses('goes-on'), { fails: 'Failed', works: 'Completed', after_works: 'Completed' });
  });

  it('cancels its steps when it is canceled', async () => {
    await jobs.submit('to-cancel', jobs.pipeline({ sleeps: jobs.step('sleep 600') }));
    const [step] = await jobs.children('to-cancel');
    await jobs.runIn(step?.runId ?? '', 'Running');
    await jobs.cancel('to-cancel');
    assert.equal((await jobs.ended('to-cancel')).status, 'Canceled');
    assert.deepEqual(await statuses('to-cancel'), { sleeps: 'Canceled' });
    assert.match(await jobs.log('to-cancel', 'logs/azureml/executionlogs.txt'), /Submitting step sleeps as job /);
  });

  const refused: [what: string, build: () => Record<string, unknown>, target: string, message: RegExp][] = [
    ['no steps', () => ({}), 'jobs', /no jobs/],
    [
      'a step of another kind',
      () => ({ a: { type: 'spark' } }),
      'jobs.a.type',
      /'spark' are not supported by local Azure/,
    ],
    ['a step without a command', () => ({ a: { type: 'command' } }), 'jobs.a.command', /command field is required/],
    [
      'an unknown component',
      () => ({ a: { type: 'command', componentId: 'azureml:none:1' } }),
      'jobs.a.componentId',
      /azureml:none:1 was not found/,
    ],
    [
      'an unknown compute',
      () => ({ a: jobs.step('true', { computeId: 'gpu' }) }),
      'jobs.a.computeId',
      /gpu was not found/,
    ],
    [
      'a binding to no input',
      () => ({ a: jobs.step('true', { inputs: { x: '${{parent.inputs.none}}' } }) }),
      'jobs.a.inputs.x',
      /no input 'none'/,
    ],
    [
      'a binding to no step',
      () => ({ a: jobs.step('true', { inputs: { x: '${{parent.jobs.b.outputs.y}}' } }) }),
      'jobs.a.inputs.x',
      /no step 'b'/,
    ],
    [
      'a ring of steps',
      () => {
        const step = (other: string) =>
          jobs.step('true', {
            inputs: { x: `\${{parent.jobs.${other}.outputs.y}}` },
            outputs: { y: { job_output_type: 'uri_folder' } },
          });
        return { a: step('b'), b: step('a') };
      },
      'jobs.a',
      /a, b wait for each other/,
    ],
  ];
  for (const [what, build, target, message] of refused) {
    it(`refuses ${what}, naming the field`, async () => {
      const answer = await jobs.put('refused', jobs.pipeline(build()));
      assert.equal(answer.status, 400, answer.text);
      assert.equal(errorOf(answer).target, target);
      assert.match(errorOf(answer).message, message);
    });
  }
});
