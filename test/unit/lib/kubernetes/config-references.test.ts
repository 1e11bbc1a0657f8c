import assert from 'node:assert/strict';
import { redirect } from '../../../../lib/kubernetes/config-references';

describe('pods that are to read another ConfigMap or Secret', () => {
  it('do so wherever they named the old one', () => {
    const name = 'app';
    const spec = {
      initContainers: [{ name: 'i', envFrom: [{ configMapRef: { name } }] }],
      containers: [
        {
          name: 'c',
          env: [
            { name: 'PLAIN', value: 'x' },
            { name: 'A', valueFrom: { configMapKeyRef: { name, key: 'a' } } },
            { name: 'B', valueFrom: { secretKeyRef: { name, key: 'b' } } },
          ],
          envFrom: [{ secretRef: { name } }, { configMapRef: { name: 'other' } }],
        },
      ],
      volumes: [
        { name: 'v', configMap: { name } },
        { name: 's', secret: { secretName: name } },
        { name: 'p', projected: { sources: [{ secret: { name } }, { configMap: { name } }] } },
      ],
    };
    const patch = redirect(spec, '/spec/template/spec', [{ kind: 'ConfigMap', from: 'app', to: 'app-1' }]);
    const places = [
      'initContainers/0/envFrom/0/configMapRef/name',
      'containers/0/env/1/valueFrom/configMapKeyRef/name',
      'volumes/0/configMap/name',
      'volumes/2/projected/sources/1/configMap/name',
    ].map(place => `/spec/template/spec/${place}`);
    assert.deepEqual(
      patch,
      places.flatMap(path => [
        { op: 'test', path, value: 'app' },
        { op: 'replace', path, value: 'app-1' },
      ]),
    );
    assert.equal(redirect(spec, '', [{ kind: 'Secret', from: 'app', to: 'app-2' }]).length, 8);
    assert.deepEqual(redirect(spec, '', [{ kind: 'ConfigMap', from: 'app', to: 'app' }]), []);
  });
});
