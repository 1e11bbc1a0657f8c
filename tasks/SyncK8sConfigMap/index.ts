import { runTask } from '../../lib/host/run-task';
import { readInputs } from './inputs';
import { syncConfigMap } from './sync-config-map';

runTask(host => syncConfigMap(readInputs(host), host));
