import { join } from 'node:path';
import { runTask } from '../../lib/host/run-task';
import { deployOnlineEndpoint } from './deploy-online-endpoint';
import { readInputs } from './inputs';

runTask(host => deployOnlineEndpoint(readInputs(host), join(__dirname, 'scoring-runtime'), host));
