import assert from 'node:assert/strict';
import { atWork, busyTag, notBusy } from '../../../../lib/release/at-work';
import { owner } from '../../../../lib/release/tags';

const now = new Date('2026-01-01T12:00:00Z');
const soon = new Date(now.getTime() + 60_000);
const me = { run: '7', planned: 'm3-0', now };

function deployment(tags: Record<string, string>, change = {}) {
  const ours = { 'guardian.owner': owner, 'guardian.change.build': '5', ...tags };
  return { name: 'm2-0', provisioningState: 'Succeeded', instanceCount: 1, modifiedAt: now, tags: ours, ...change };
}

describe('another run at work on an endpoint', () => {
  const live = { 'm1-0': 100 };

  it('watches a step until the time that it has written down, or until nobody is on trial any more', () => {
    const trial = deployment({ 'guardian.role': 'challenger' });
    const at = (tags: Record<string, string>, deployments = [trial]) =>
      atWork({ tags: { 'guardian.revision': '9', ...tags }, live, deployments }, me);
    assert.deepEqual(at(busyTag('5', soon)), { kind: 'rollout', run: '5', until: soon });
    assert.equal(at(busyTag('7', soon)), undefined);
    assert.equal(at(busyTag('5', now)), undefined);
    assert.equal(at(busyTag('5', soon), [deployment({ 'guardian.role': 'champion' })]), undefined);
    assert.equal(at(notBusy(busyTag('5', soon))), undefined);
    assert.equal(at({ 'guardian.busy': 'something else' }), undefined);
  });

  it('makes or tests a deployment that is to get the next revision', () => {
    const at = (one: ReturnType<typeof deployment>, share = live as Record<string, number>) =>
      atWork({ tags: { 'guardian.revision': '1' }, live: share, deployments: [one] }, me)?.kind;
    const fresh = { 'guardian.revision': '2' };
    assert.equal(at(deployment(fresh)), 'deployment');
    assert.equal(at(deployment({}, { provisioningState: 'Creating' })), 'deployment');
    assert.equal(at(deployment(fresh), { 'm2-0': 100 }), undefined);
    assert.equal(at(deployment({ 'guardian.revision': '1' })), undefined);
    assert.equal(at(deployment({ ...fresh, 'guardian.change.build': '7' })), undefined);
    assert.equal(at(deployment({ ...fresh, 'guardian.owner': 'somebody' })), undefined);
    // What a killed run has left is not waited for.
    assert.equal(at(deployment(fresh, { modifiedAt: new Date(now.getTime() - 16 * 60_000) })), undefined);
    assert.equal(at(deployment(fresh, { provisioningState: 'Failed' })), undefined);
    assert.equal(at(deployment(fresh, { name: me.planned })), undefined);
  });
});
