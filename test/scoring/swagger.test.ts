import assert from 'node:assert/strict';
import { body, modelFolder, Runtime } from './support/runtime';

interface Document {
  openapi: string;
  info: { title: string; version: string; description: string };
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, { description: string }> }>>;
  components: { schemas: Record<string, { properties?: Record<string, { enum?: string[]; required?: string[] }> }> };
}

describe('/swagger.json', () => {
  let runtime: Runtime;
  let document: Document;
  before(async () => {
    runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_MODEL_VERSION: '4' });
    document = await body<Document>(await runtime.get('/swagger.json'));
  });
  after(() => runtime.stop());

  it('is OpenAPI 3 of this model, with its labels', () => {
    assert.match(document.openapi, /^3\.0\.\d$/);
    assert.equal(document.info.version, '4');
    assert.match(document.info.description, /colour:4: red, green, blue/);
    const prediction = document.components.schemas['Prediction']?.properties;
    assert.ok(prediction);
    assert.deepEqual(prediction['label']?.enum, ['red', 'green', 'blue']);
    assert.deepEqual(prediction['probabilities']?.required, ['red', 'green', 'blue']);
  });

  it('describes the routes that are there, each with its answers', async () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        assert.ok(operation.operationId);
        for (const { description } of Object.values(operation.responses)) assert.ok(description);
        const answer = await fetch(runtime.url + path, { method: method.toUpperCase() });
        assert.notEqual(answer.status, 404, path);
        assert.notEqual(answer.status, 405, path);
        await answer.arrayBuffer();
      }
    }
    assert.deepEqual(Object.keys(document.paths['/score'] ?? {}), ['post']);
  });

  it('refers to nothing that is missing', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([\w.-]+)"/g)];
    assert.ok(references.length > 0);
    for (const [, name] of references) assert.ok(document.components.schemas[name ?? ''], name);
  });
});
