import assert from 'node:assert/strict';
import { failureCause } from '../../../lib/azureml/online-failure-causes';
import { lastWords } from '../../../tasks/DeployOnlineEndpoint/last-words';

describe('why a deployment failed', () => {
  const logs: [string, string, string | undefined][] = [
    ['nothing', '', undefined],
    ['no error', 'Instance status:\nModelDownload: Succeeded\n{"level":30,"msg":"listening"}', undefined],
    [
      'the reason in a JSON log, over what comes after it',
      '{"level":50,"reason":"model.onnx cannot be loaded","msg":"refused"}\n{"level":30,"msg":"stopped"}',
      'model.onnx cannot be loaded',
    ],
    ['an error object', '{"level":"error","err":{"message":"boom"},"msg":"failed"}', 'boom'],
    [
      'a Python traceback',
      'Traceback:\n  File "score.py"\nModuleNotFoundError: No module named onnx\n',
      'ModuleNotFoundError: No module named onnx',
    ],
    ['broken JSON', '{"level":50\nOut of memory: Killed process 1', 'Out of memory: Killed process 1'],
  ];
  for (const [what, log, expected] of logs) it(`reads ${what}`, () => assert.equal(lastWords(log), expected));

  it('is known by code in any case, else by what the message speaks of', () => {
    assert.match(failureCause('outofquota', '')?.cause ?? '', /not enough cores/);
    assert.match(failureCause(undefined, 'Liveness probe failed: 502')?.cause ?? '', /did not answer its probes/);
    assert.equal(failureCause('Strange', 'something else'), undefined);
  });
});
