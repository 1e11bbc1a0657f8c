import assert from 'node:assert/strict';
import { configUses, contentChecksum, type ConfigContent } from '../../../../lib/kubernetes/consumers';

const name = 'guardian-config';
const container = { name: 'app', image: 'x' };

describe('consumers of a ConfigMap or Secret', () => {
  const cases: [string, object, ReturnType<typeof configUses>][] = [
    ['none', { containers: [container] }, []],
    [
      'env, one key each',
      {
        containers: [
          {
            ...container,
            env: [
              { name: 'PLAIN', value: 'x' },
              { name: 'A', valueFrom: { configMapKeyRef: { name, key: 'b' } } },
              { name: 'B', valueFrom: { configMapKeyRef: { name, key: 'a', optional: true } } },
              { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
            ],
          },
        ],
      },
      [
        { kind: 'ConfigMap', name, keys: ['a', 'b'], ways: ['env'] },
        { kind: 'Secret', name: 's', keys: ['k'], ways: ['env'] },
      ],
    ],
    [
      'envFrom of an init container takes all, and all wins over keys',
      {
        initContainers: [{ ...container, envFrom: [{ configMapRef: { name } }] }],
        containers: [{ ...container, env: [{ name: 'A', valueFrom: { configMapKeyRef: { name, key: 'a' } } }] }],
      },
      [{ kind: 'ConfigMap', name, keys: 'all', ways: ['env', 'envFrom'] }],
    ],
    [
      'ephemeral container',
      { containers: [container], ephemeralContainers: [{ name: 'debug', envFrom: [{ secretRef: { name: 's' } }] }] },
      [{ kind: 'Secret', name: 's', keys: 'all', ways: ['envFrom'] }],
    ],
    [
      'volumes, whole and by items',
      {
        containers: [container],
        volumes: [
          { name: 'v', configMap: { name } },
          { name: 'w', secret: { secretName: 's', items: [{ key: 'k', path: 'p' }] } },
          { name: 'e', emptyDir: {} },
        ],
      },
      [
        { kind: 'ConfigMap', name, keys: 'all', ways: ['volume'] },
        { kind: 'Secret', name: 's', keys: ['k'], ways: ['volume'] },
      ],
    ],
    [
      'projected volumes',
      {
        containers: [container],
        volumes: [{ name: 'p', projected: { sources: [{ configMap: { name } }, { secret: { name: 's' } }] } }],
      },
      [
        { kind: 'ConfigMap', name, keys: 'all', ways: ['projected'] },
        { kind: 'Secret', name: 's', keys: 'all', ways: ['projected'] },
      ],
    ],
    [
      'a file mounted by subPath, which never follows a change',
      {
        containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/f', subPath: 'f' }] }],
        volumes: [{ name: 'v', configMap: { name } }],
      },
      [{ kind: 'ConfigMap', name, keys: 'all', ways: ['subPath'] }],
    ],
  ];
  for (const [what, spec, expected] of cases) it(what, () => assert.deepEqual(configUses(spec as never), expected));

  const content = (data: Record<string, string>): ConfigContent[] => [
    { kind: 'ConfigMap', name, data: new Map(Object.entries(data)) },
  ];

  it('has the same checksum while what it reads is the same', () => {
    const uses = [{ kind: 'ConfigMap', name, keys: ['a'] } as const];
    const before = contentChecksum(uses, content({ a: '1', b: '2' }));
    assert.match(before ?? '', /^[0-9a-f]{64}$/);
    assert.equal(contentChecksum(uses, content({ b: 'other', a: '1' })), before);
    assert.notEqual(contentChecksum(uses, content({ a: '2', b: '2' })), before);
    assert.notEqual(contentChecksum(uses, content({ b: '2' })), before);
  });

  it('sees every key when it reads all', () => {
    const uses = [{ kind: 'ConfigMap', name, keys: 'all' } as const];
    assert.equal(
      contentChecksum(uses, content({ a: '1', b: '2' })),
      contentChecksum(uses, content({ b: '2', a: '1' })),
    );
    assert.notEqual(contentChecksum(uses, content({ a: '1' })), contentChecksum(uses, content({ a: '1', b: '' })));
  });

  it('has none when it uses other objects', () => {
    assert.equal(contentChecksum([{ kind: 'Secret', name, keys: 'all' }], content({ a: '1' })), undefined);
    assert.equal(contentChecksum([], content({ a: '1' })), undefined);
  });
});
