import assert from 'node:assert/strict';
import { ModelCopy } from './support/model-copy';
import { plain } from './support/pictures';
import { body, type Failure, type Prediction, Runtime } from './support/runtime';

describe('several models in one container', () => {
  let model: ModelCopy;
  let runtime: Runtime;

  before(async () => {
    model = new ModelCopy('colour');
    model.copyTo('a-colours', manifest => (manifest['name'] = 'colours'));
    model.copyTo('b-mirrored', manifest =>
      Object.assign(manifest, { name: 'mirrored', labels: ['blue', 'green', 'red'] }),
    );
    model.delete('guardian-model.json');
    model.delete('model.onnx');
    runtime = await Runtime.ready(model.folder, {
      GUARDIAN_MODEL_NAME: 'registered-together',
      GUARDIAN_MODEL_VERSION: '3',
    });
  });
  after(async () => {
    await runtime.stop();
    model.remove();
  });

  async function score(path: string): Promise<Prediction> {
    const answer = await fetch(runtime.url + path, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(await plain('red')),
    });
    return body<Prediction>(answer);
  }

  it('answer at routes of their names, the first one at /score', async () => {
    const [standard, colours, mirrored] = [
      await score('/score'),
      await score('/models/colours/score'),
      await score('/models/mirrored/score'),
    ];
    assert.deepEqual([standard.model, standard.label], ['colours:3', 'red']);
    assert.deepEqual(colours, standard);
    assert.deepEqual([mirrored.model, mirrored.label], ['mirrored:3', 'blue']);
    assert.notEqual(mirrored.digest, colours.digest);
  });

  it('are listed, described and counted apart', async () => {
    const { models } = await body<{ models: { name: string }[] }>(await runtime.get('/'));
    assert.deepEqual(
      models.map(({ name }) => name),
      ['colours', 'mirrored'],
    );
    for (const name of ['colours', 'mirrored'])
      assert.equal((await runtime.get(`/v2/models/${name}/versions/3/ready`)).status, 200);
    const swagger = await body<{ paths: object }>(await runtime.get('/swagger.json'));
    assert.ok('/models/mirrored/score' in swagger.paths);
    await score('/models/mirrored/score');
    assert.match(
      await (await runtime.get('/metrics')).text(),
      /^guardian_scoring_requests_total\{model="mirrored:3",route="\/models\/:model\/score",status="200"\} [1-9]/m,
    );
  });

  it('are named when one is asked for that is not there', async () => {
    const { error } = (await score('/models/other/score')) as unknown as Failure;
    assert.equal(error.code, 'NotFound');
    assert.match(error.message, /no model 'other' here; there is colours, mirrored/);
  });

  it('may have another default one', async () => {
    const other = await Runtime.ready(model.folder, { GUARDIAN_DEFAULT_MODEL: 'mirrored' });
    try {
      const answer = await other.score(await plain('red'), 'image/png');
      assert.equal((await body<Prediction>(answer)).model, 'mirrored');
    } finally {
      await other.stop();
    }
    await assert.rejects(
      Runtime.ready(model.folder, { GUARDIAN_DEFAULT_MODEL: 'gone' }),
      /GUARDIAN_DEFAULT_MODEL is 'gone', but the models here are colours, mirrored/,
    );
  });
});
