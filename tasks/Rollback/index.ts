import { openWorkspace } from '../../lib/azureml/workspace';
import { runTask } from '../../lib/host/run-task';
import { readInputs } from './inputs';
import { rollback } from './rollback';

runTask(async host => {
  const inputs = readInputs(host);
  return rollback(inputs, await openWorkspace(inputs.connection, inputs, host), host);
});
