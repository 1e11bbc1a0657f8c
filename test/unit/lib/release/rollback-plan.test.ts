import assert from 'node:assert/strict';
import { planRollback, type EndpointFacts, type RollbackTo } from '../../../../lib/release/rollback-plan';
import { addRevision } from '../../../../lib/release/revisions';
import type { Tags } from '../../../../lib/release/tags';
import type { Traffic } from '../../../../lib/release/traffic';

/** An endpoint after these live traffic maps, the last one being live. */
function after(
  history: Traffic[],
  change: Partial<EndpointFacts> & { states?: Record<string, string>; rejected?: string[] } = {},
): EndpointFacts {
  let tags: Tags = {};
  for (const traffic of history) tags = addRevision(tags, traffic).tags;
  const states = change.states ?? { a: 'Succeeded', b: 'Succeeded', c: 'Succeeded' };
  return {
    live: history.at(-1) ?? {},
    tags,
    deployments: Object.entries(states).map(([name, provisioningState]) => ({
      name,
      provisioningState,
      instanceCount: 1,
      tags: change.rejected?.includes(name) ? { 'guardian.rejected': 'bad' } : {},
    })),
    records: [],
    ...change,
  };
}

describe('rollback plan', () => {
  it('ends a running trial', () => {
    const plan = planRollback(after([{ a: 100 }, { a: 90, b: 10 }]), 'previous');
    assert.deepEqual(plan, {
      kind: 'change',
      from: { a: 90, b: 10 },
      fromRevision: 2,
      target: { number: 1, traffic: { a: 100 } },
      replaced: ['b'],
      rebuild: [],
    });
  });

  const targets: [string, EndpointFacts, RollbackTo, number][] = [
    ['back to the old champion after allAtOnce', after([{ a: 100 }, { b: 100 }]), 'previous', 1],
    ['a promotion goes back over its trial', after([{ a: 100 }, { a: 90, b: 10 }, { b: 100 }]), 'previous', 1],
    ['a trial that was raised ends as a whole', after([{ a: 100 }, { a: 90, b: 10 }, { a: 75, b: 25 }]), 'previous', 1],
    ['into the trial when told so', after([{ a: 100 }, { a: 90, b: 10 }, { b: 100 }]), 2, 2],
    [
      'revisions with the live traffic are no way back',
      after([{ a: 100 }, { b: 100 }, { a: 100 }, { a: 100 }]),
      'previous',
      2,
    ],
    [
      'a change by hand goes back to what was recorded last',
      after([{ a: 100 }, { b: 100 }], { live: { c: 100 } }),
      'previous',
      2,
    ],
    [
      'not to what an earlier rollback took out',
      after([{ c: 100 }, { a: 100 }, { a: 90, b: 10 }, { a: 100 }], { rejected: ['b'] }),
      'previous',
      1,
    ],
    [
      'not to a rejected version that is gone and could be made again',
      after([{ c: 100 }, { b: 100 }, { a: 100 }], {
        states: { a: 'Succeeded', c: 'Succeeded' },
        records: [{ name: 'b', model: 'm:2', problem: undefined, isRejected: true }],
      }),
      'previous',
      1,
    ],
    [
      'to a deployment: when it had all of the traffic',
      after([{ a: 100 }, { b: 100 }, { c: 100 }]),
      { deployment: 'a' },
      1,
    ],
    ['to a rejected version by its number', after([{ a: 100 }, { b: 100 }, { a: 100 }], { rejected: ['b'] }), 2, 2],
  ];
  for (const [what, endpoint, to, expected] of targets) {
    it(what, () => {
      const plan = planRollback(endpoint, to);
      assert.ok(plan.kind === 'change', JSON.stringify(plan));
      assert.equal(plan.target.number, expected);
    });
  }

  it('gives a model version all of the traffic, and makes its deployment again when it is gone', () => {
    const endpoint = after([{ a: 90, b: 10 }, { c: 100 }], {
      states: { a: 'Succeeded', c: 'Succeeded' },
      records: [{ name: 'b', model: 'nsfw:2', problem: undefined, isRejected: false }],
    });
    for (const to of [
      { model: 'nsfw', version: '2' },
      { model: undefined, version: '2' },
    ]) {
      const plan = planRollback(endpoint, to);
      assert.ok(plan.kind === 'change', JSON.stringify(plan));
      assert.deepEqual([plan.target, plan.rebuild], [{ number: 1, traffic: { b: 100 } }, ['b']]);
    }
  });

  it('waits for a deployment that is being made', () => {
    const endpoint = after([{ a: 100 }, { b: 100 }], { states: { a: 'Creating', b: 'Succeeded' } });
    assert.deepEqual(planRollback(endpoint, 'previous'), { kind: 'busy', deployment: 'a', state: 'Creating' });
  });

  it('a number whose traffic is live already changes nothing', () => {
    assert.equal(planRollback(after([{ a: 100 }, { b: 100 }, { a: 100 }]), 1).kind, 'unchanged');
  });

  const refusals: [string, EndpointFacts, RollbackTo, RegExp][] = [
    ['nothing recorded', after([]), 'previous', /no recorded revision/],
    ['nothing earlier', after([{ a: 100 }]), 'previous', /no earlier revision .*Recorded: 1 \(a 100 %\)/],
    [
      'an aborted trial, which is no release to go back to',
      after([{ a: 100 }, { a: 90, b: 10 }, { a: 100 }]),
      'previous',
      /no earlier revision .*Recorded: 3 .*2 .*1 /,
    ],
    ['unknown number', after([{ a: 100 }, { b: 100 }]), 7, /no revision 7. Recorded: 2 \(b 100 %\), 1 \(a 100 %\)/],
    [
      'a deployment that is gone, with what is possible instead',
      after([{ a: 100 }, { b: 100 }, { c: 100 }], { states: { a: 'Succeeded', c: 'Succeeded' } }),
      'previous',
      /revision 2 \(b 100 %\): deployment b no longer exists. What can be gone back to: 1 \(a 100 %\)/,
    ],
    [
      'a deployment that is not healthy',
      after([{ a: 100 }, { b: 100 }], { states: { a: 'Failed', b: 'Succeeded' } }),
      'previous',
      /deployment a is in state Failed. No other recorded revision/,
    ],
    [
      'a deployment that cannot be made again',
      after([{ a: 100 }, { b: 100 }], {
        states: { b: 'Succeeded' },
        records: [{ name: 'a', model: 'm:1', problem: 'model m:1 is gone', isRejected: false }],
      }),
      1,
      /deployment a no longer exists and cannot be made again: model m:1 is gone/,
    ],
    [
      'an unknown model version',
      after([{ a: 100 }, { b: 100 }]),
      { model: 'm', version: '9' },
      /has no deployment of model m:9/,
    ],
  ];
  for (const [what, endpoint, to, expected] of refusals) {
    it(`refuses: ${what}`, () => {
      const plan = planRollback(endpoint, to);
      assert.ok(plan.kind === 'refused', JSON.stringify(plan));
      assert.match(plan.problem, expected);
    });
  }
});
