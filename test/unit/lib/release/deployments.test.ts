import assert from 'node:assert/strict';
import {
  challengerOf,
  championOf,
  deploymentName,
  superseded,
  type DeploymentFacts,
} from '../../../../lib/release/deployments';
import type { Traffic } from '../../../../lib/release/traffic';

const ours = (name: string, role = '', state = 'Succeeded'): DeploymentFacts => ({
  name,
  provisioningState: state,
  instanceCount: 1,
  tags: { 'guardian.owner': 'guardian-mlops', ...(role ? { 'guardian.role': role } : {}) },
});
const foreign = (name: string, role = ''): DeploymentFacts => ({
  ...ours(name),
  tags: role ? { 'guardian.role': role } : {},
});

describe('deployments', () => {
  const champions: [string, DeploymentFacts[], Traffic, string | undefined][] = [
    ['the one that serves', [ours('a', 'champion')], { a: 100 }, 'a'],
    ['nobody without live traffic, whatever the tag says', [ours('a', 'champion')], {}, undefined],
    [
      'the tagged one, though the challenger has more',
      [ours('a', 'champion'), ours('b', 'challenger')],
      { a: 40, b: 60 },
      'a',
    ],
    ['the new one, though the tags are from before', [ours('a', 'champion'), ours('b', 'challenger')], { b: 100 }, 'b'],
    ['a foreign one', [foreign('blue'), ours('b', 'challenger')], { blue: 90, b: 10 }, 'blue'],
    ['the larger of two tagged', [ours('a', 'champion'), ours('b', 'champion')], { a: 30, b: 70 }, 'b'],
  ];
  for (const [what, deployments, live, expected] of champions) {
    it(`champion: ${what}`, () => assert.equal(championOf(deployments, live)?.name, expected));
  }

  it('challenger: ours only, the one with traffic first', () => {
    const deployments = [
      ours('a', 'champion'),
      ours('b', 'challenger'),
      ours('c', 'challenger'),
      foreign('d', 'challenger'),
    ];
    assert.equal(challengerOf(deployments, { a: 80, c: 10, d: 10 })?.name, 'c');
    assert.equal(challengerOf([ours('a', 'champion'), ours('b', 'challenger')], { a: 100 })?.name, 'b');
    assert.equal(challengerOf([foreign('d', 'challenger')], { d: 100 }), undefined);
  });

  it('superseded: ours, without traffic, not kept, not being worked on', () => {
    const deployments = [
      ours('live'),
      ours('mirrored'),
      ours('kept'),
      ours('creating', '', 'Creating'),
      ours('failed', '', 'Failed'),
      ours('old'),
      foreign('blue'),
    ];
    const names = superseded(deployments, { live: { live: 100 }, mirror: { mirrored: 10 } }, ['kept', undefined]);
    assert.deepEqual(
      names.map(one => one.name),
      ['failed', 'old'],
    );
  });

  const versions: [string, string][] = [
    ['3', 'm3-0123abcd'],
    ['2024.01.05', 'm2024-01-05-0123abcd'],
    ['nightly_build_of_the_year_2024', 'mnightly-build-of-the-0123abcd'],
    ['v1-', 'mv1-0123abcd'],
  ];
  for (const [version, expected] of versions) {
    it(`names a deployment of version ${version} within Azure's rule`, () => {
      const name = deploymentName(version, '0123abcdef');
      assert.equal(name, expected);
      assert.match(name, /^[a-zA-Z](?!.*--)[-a-zA-Z0-9]{1,30}[a-zA-Z0-9]$/);
    });
  }
});
