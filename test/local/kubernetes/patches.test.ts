import assert from 'node:assert/strict';
import { StatusError } from '../../../local/kubernetes/api/status-error';
import { nextStep } from '../../../local/kubernetes/controllers/rolling-update';
import { loadSchema, type Schema } from '../../../local/kubernetes/objects/schema';
import { jsonPatch } from '../../../local/kubernetes/patches/json-patch';
import { mergePatch } from '../../../local/kubernetes/patches/merge-patch';
import { strategicMergePatch } from '../../../local/kubernetes/patches/strategic-merge';

describe('patches', () => {
  let schema: Schema;
  before(async () => {
    schema = await loadSchema();
  });

  describe('JSON patch', () => {
    const cases: { name: string; before: object; patch: object[]; after: object }[] = [
      { name: 'adds a field', before: {}, patch: [{ op: 'add', path: '/a', value: 1 }], after: { a: 1 } },
      { name: 'appends', before: { a: [1] }, patch: [{ op: 'add', path: '/a/-', value: 2 }], after: { a: [1, 2] } },
      { name: 'inserts', before: { a: [2] }, patch: [{ op: 'add', path: '/a/0', value: 1 }], after: { a: [1, 2] } },
      { name: 'replaces', before: { a: 1 }, patch: [{ op: 'replace', path: '/a', value: 2 }], after: { a: 2 } },
      {
        name: 'removes from a list',
        before: { a: [1, 2] },
        patch: [{ op: 'remove', path: '/a/0' }],
        after: { a: [2] },
      },
      { name: 'moves', before: { a: 1 }, patch: [{ op: 'move', from: '/a', path: '/b' }], after: { b: 1 } },
      { name: 'copies', before: { a: 1 }, patch: [{ op: 'copy', from: '/a', path: '/b' }], after: { a: 1, b: 1 } },
      { name: 'unescapes', before: { 'a/b': 1 }, patch: [{ op: 'remove', path: '/a~1b' }], after: {} },
    ];
    for (const { name, before, patch, after } of cases) {
      it(name, () => {
        const original = structuredClone(before);
        assert.deepEqual(jsonPatch(before, patch), after);
        assert.deepEqual(before, original, 'the given value is not changed');
      });
    }

    it('refuses what does not fit', () => {
      const refused: object[] = [
        { op: 'remove', path: '/absent' },
        { op: 'replace', path: '/absent', value: 1 },
        { op: 'test', path: '/a', value: 2 },
        { op: 'add', path: '/list/7', value: 1 },
      ];
      for (const operation of refused) {
        assert.throws(
          () => jsonPatch({ a: 1, list: [] }, [operation]),
          (error: StatusError) => error.code === 422,
        );
      }
    });
  });

  it('a merge patch removes by null and replaces lists', () => {
    const before = { keep: 1, gone: 2, map: { a: 1, b: 2 }, list: [1, 2] };
    const after = mergePatch(before, { gone: null, map: { b: null, c: 3 }, list: [3] });
    assert.deepEqual(after, { keep: 1, map: { a: 1, c: 3 }, list: [3] });
  });

  describe('strategic merge patch', () => {
    const patchContainers = (live: object[], patch: object): unknown => {
      const result = strategicMergePatch(schema, 'V1PodSpec', { containers: live }, patch) as { containers: unknown };
      return result.containers;
    };

    it('merges containers by name and keeps the order that it is given', () => {
      const live = [
        { name: 'a', image: 'a:1' },
        { name: 'b', image: 'b:1' },
      ];
      const patch = {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }],
        containers: [
          { name: 'c', image: 'c:1' },
          { name: 'b', image: 'b:2' },
          { name: 'a', $patch: 'delete' },
        ],
      };
      assert.deepEqual(patchContainers(live, patch), [
        { name: 'c', image: 'c:1' },
        { name: 'b', image: 'b:2' },
      ]);
    });

    it('replaces a list of which no key is known', () => {
      const live = [{ name: 'a', args: ['1', '2'] }];
      assert.deepEqual(patchContainers(live, { containers: [{ name: 'a', args: ['3'] }] }), [
        { name: 'a', args: ['3'] },
      ]);
    });

    it('keeps only the keys that are retained', () => {
      const live = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } };
      const patch = { strategy: { $retainKeys: ['type'], type: 'Recreate' } };
      const after = strategicMergePatch(schema, 'V1DeploymentSpec', live, patch);
      assert.deepEqual(after, { strategy: { type: 'Recreate' } });
    });

    it('refuses an item without its key', () => {
      assert.throws(
        () => patchContainers([], { containers: [{ image: 'x' }] }),
        (error: StatusError) =>
          error.code === 400 && error.message.includes('does not contain declared merge key: name'),
      );
    });
  });
});

describe('a rolling update', () => {
  /** Rolls from `replicas` old pods to as many new ones; new pods become available one step after they were asked for. */
  function roll(
    replicas: number,
    limits: { surge: number; unavailable: number },
    works: boolean,
  ): { total: number; available: number }[] {
    let current = { wanted: 0, available: 0 };
    let old = { wanted: replicas, available: replicas };
    const seen: { total: number; available: number }[] = [];
    for (let step = 0; step < 4 * replicas + 4; step += 1) {
      const next = nextStep(replicas, limits, current, [old]);
      const left = next.old[0] ?? 0;
      current = { wanted: next.current, available: works ? current.wanted : 0 };
      old = { wanted: left, available: Math.min(left, old.available) };
      seen.push({ total: current.wanted + old.wanted, available: current.available + old.available });
    }
    return seen;
  }

  for (const limits of [
    { surge: 1, unavailable: 0 },
    { surge: 0, unavailable: 1 },
    { surge: 2, unavailable: 1 },
  ]) {
    it(`with ${limits.surge} more and ${limits.unavailable} fewer allowed never leaves these limits, and ends`, () => {
      const steps = roll(4, limits, true);
      assert.ok(steps.every(({ total }) => total <= 4 + limits.surge));
      assert.ok(steps.every(({ available }) => available >= 4 - limits.unavailable));
      assert.deepEqual(steps.at(-1), { total: 4, available: 4 });
    });

    it(`with ${limits.surge} more and ${limits.unavailable} fewer allowed stops at new pods that do not work`, () => {
      const last = roll(4, limits, false).at(-1);
      assert.equal(last?.available, 4 - limits.unavailable);
    });
  }
});
