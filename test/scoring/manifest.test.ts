import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseManifest } from '../../scoring-runtime/src/manifest';
import { manifestJsonSchema } from '../../scoring-runtime/src/model-folder/manifest-json-schema';
import { ModelCopy } from './support/model-copy';
import { modelFolder, Runtime } from './support/runtime';

type Json = Record<string, unknown>;

describe('a manifest', () => {
  const good = readFileSync(join(modelFolder('colour'), 'guardian-model.json'), 'utf8');
  const changed = (edit: (manifest: Json & { input: Json; output: Json }) => unknown): string => {
    const manifest = JSON.parse(good) as Json & { input: Json; output: Json };
    edit(manifest);
    return JSON.stringify(manifest);
  };

  it('may note more on its first level', () => {
    assert.equal(parseManifest(changed(manifest => (manifest['accuracy'] = 0.9))).name, 'colour');
  });

  for (const [what, json, expected] of [
    ['is no JSON', '{', /is not JSON/],
    ['is of another version', changed(manifest => (manifest['schemaVersion'] = 2)), /schemaVersion: .*expected 1/],
    ['lacks its labels', changed(manifest => delete manifest['labels']), /labels: /],
    ['has a label twice', changed(manifest => (manifest['labels'] = ['a', 'a'])), /labels: 'a' is there twice/],
    ['has an unknown layout', changed(manifest => (manifest.input['layout'] = 'CHWN')), /input\.layout: .*"NCHW"/],
    ['misspells a setting', changed(manifest => (manifest.input['means'] = [0, 0, 0])), /input: .*"means"/],
    ['divides by zero', changed(manifest => (manifest.input['std'] = [1, 0, 1])), /input\.std: 0/],
    [
      'crops to an unknown size',
      changed(manifest => (manifest.input['resize'] = 'shortest-side-crop')),
      /resizeTo: needed/,
    ],
    ['leaves its folder', changed(manifest => (manifest['model'] = '../other.onnx')), /model: Must name a file inside/],
    ['expects no label of its own', changed(m => (m['warmup'] = { image: 'a.jpg', label: 'x' })), /warmup\.label: 'x'/],
    [
      'has several faults, all listed',
      changed(manifest => {
        delete manifest['name'];
        manifest.output['activation'] = 'relu';
      }),
      /name: .*output\.activation: /,
    ],
  ] as const) {
    it(`that ${what} is refused`, () => assert.throws(() => parseManifest(json), expected));
  }

  it('has a JSON schema with the very rules of the runtime', () => {
    const file = resolve(__dirname, '../../scoring-runtime/schema/guardian-model.schema.json');
    assert.deepEqual(
      JSON.parse(readFileSync(file, 'utf8')),
      JSON.parse(JSON.stringify(manifestJsonSchema())),
      'Run npx tsx scoring-runtime/src/write-schema.ts',
    );
  });
});

describe('a model folder that cannot be served', () => {
  for (const [what, spoil, expected] of [
    [
      'has neither manifest nor model',
      (m: ModelCopy) => {
        m.delete('guardian-model.json');
        m.delete('model.onnx');
        m.write('notes.txt', 'Come back later');
      },
      /no guardian-model\.json.*no ONNX file.*It holds notes\.txt/,
    ],
    ['has no model', (m: ModelCopy) => m.delete('model.onnx'), /model\.onnx cannot be loaded/],
    [
      'has a model that is none',
      (m: ModelCopy) => m.write('model.onnx', 'not a model'),
      /model\.onnx cannot be loaded/,
    ],
    ['has a bad manifest', (m: ModelCopy) => m.write('guardian-model.json', '{}'), /is not valid.*output: /],
    [
      'has a model of another size',
      (m: ModelCopy) => m.change(manifest => Object.assign(manifest['input'] as Json, { width: 64 })),
      /shape \[N, 3, 32, 32\].*would get \[N, 3, 32, 64\]/,
    ],
    [
      'has more labels than outputs',
      (m: ModelCopy) => m.change(manifest => (manifest['labels'] = ['a', 'b', 'c', 'd'])),
      /gives 3 values an image, but the manifest has 4 labels/,
    ],
    [
      'names an output that is not there',
      (m: ModelCopy) => m.change(manifest => Object.assign(manifest['output'] as Json, { name: 'scores' })),
      /no output scores; it has logits/,
    ],
    [
      'holds two models of one name',
      (m: ModelCopy) => {
        for (const name of ['one', 'two']) m.copyTo(name);
        m.delete('guardian-model.json');
      },
      /Two models are called 'colour'/,
    ],
    [
      'holds two models, one with a bad manifest',
      (m: ModelCopy) => {
        for (const name of ['one', 'two']) m.copyTo(name);
        m.delete('guardian-model.json');
        m.write('two/guardian-model.json', '{}');
      },
      /two\/guardian-model\.json is not valid/,
    ],
    [
      'has another model file than its manifest was written for',
      (m: ModelCopy) => m.change(manifest => (manifest['digest'] = 'a'.repeat(64))),
      /model\.onnx is not the file that guardian-model\.json was written for: its SHA-256 is [0-9a-f]{64}, not a{64}/,
    ],
  ] as const) {
    it(`because it ${what} is refused with the reason`, async () => {
      const model = new ModelCopy('colour');
      try {
        spoil(model);
        await assert.rejects(Runtime.ready(model.folder), expected);
      } finally {
        model.remove();
      }
    });
  }

  it('because it does not exist is refused with the reason', async () => {
    await assert.rejects(Runtime.ready('/no/such/folder'), /\/no\/such\/folder.*ENOENT/);
  });
});
