import assert from 'node:assert/strict';
import type { KubernetesAccess } from '../../../../lib/connection/kubernetes-connection';
import { explainKubernetes, isOwnershipConflict, isTransient } from '../../../../lib/kubernetes/kubernetes-error';

const access = { server: 'https://cluster:6443', user: 'pipeline' } as KubernetesAccess;
const attempt = {
  verb: 'patch',
  resource: 'configmaps',
  apiGroup: '',
  namespace: 'guardian',
  name: 'guardian-config',
} as const;

/** As @kubernetes/client-node throws it: the status in `code`, the body as text. */
const answer = (code: number, body: object) =>
  Object.assign(new Error(`HTTP-Code: ${code}\nMessage: Unknown API Status Code!`), {
    code,
    body: JSON.stringify(body),
  });
const network = (code: string) => Object.assign(new Error(`request failed, reason: ${code}`), { code });

describe('failures of the Kubernetes API', () => {
  const cases: [string, Error, RegExp][] = [
    [
      '401',
      answer(401, { message: 'Unauthorized' }),
      /does not accept the credentials .* \(401\), seen when trying to patch configmaps guardian-config/,
    ],
    ['403', answer(403, { message: 'no' }), /pipeline may not patch configmaps .*verbs \["patch"\]/],
    [
      '403 of an apply that would create',
      answer(403, { message: 'User "x" cannot create resource "configmaps"' }),
      /verbs \["create"\]/,
    ],
    [
      'missing namespace',
      answer(404, { message: 'namespaces "guardian" not found', details: { kind: 'namespaces' } }),
      /Namespace guardian does not exist in the cluster https:\/\/cluster:6443/,
    ],
    [
      'missing object',
      answer(404, { message: 'configmaps "guardian-config" not found' }),
      /pipeline cannot patch .*\(404\): configmaps "guardian-config" not found/,
    ],
    [
      'immutable',
      answer(422, { reason: 'Invalid', message: 'field is immutable' }),
      /\(422 Invalid\): field is immutable/,
    ],
    ['unreachable', network('ECONNREFUSED'), /https:\/\/cluster:6443 cannot be reached \(ECONNREFUSED\)/],
    [
      'certificate',
      network('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
      /is not trusted \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\), when pipeline was to patch .*Put its CA/,
    ],
  ];
  for (const [what, error, expected] of cases) {
    it(`explain ${what}`, () => assert.match(explainKubernetes(error, attempt, access).message, expected));
  }

  it('tell the two kinds of 409 apart', () => {
    const causes = [{ reason: 'FieldManagerConflict', message: 'conflict with "human"', field: '.data.a' }];
    const owned = answer(409, { reason: 'Conflict', details: { causes } });
    const stale = answer(409, { reason: 'Conflict', details: { name: 'guardian-config', kind: 'configmaps' } });
    assert.ok(isOwnershipConflict(explainKubernetes(owned, attempt, access)));
    assert.ok(!isOwnershipConflict(explainKubernetes(stale, attempt, access)));
  });

  it('are tried again only where that can help', () => {
    assert.deepEqual([network('ECONNRESET'), answer(503, {}), answer(429, {})].map(isTransient), [true, true, true]);
    assert.deepEqual([network('ENOTFOUND'), answer(500, {}), answer(409, {}), answer(403, {})].map(isTransient), [
      false,
      false,
      false,
      false,
    ]);
  });
});
