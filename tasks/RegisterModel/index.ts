import { runTask } from '../../lib/host/run-task';
import { readInputs } from './inputs';
import { registerModelTask } from './register-model';

runTask(host => registerModelTask(readInputs(host), host));
