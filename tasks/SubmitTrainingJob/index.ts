import { runTask } from '../../lib/host/run-task';
import { readInputs } from './inputs';
import { submitTrainingJob } from './submit-training-job';

runTask(host => submitTrainingJob(readInputs(host), host));
