import { userError } from '../arm/arm-error';
import { commandRequest } from './command-body';
import { requiredText, type Body } from './body-fields';
import type { ComponentLookup } from './component-lookup';
import type { JobRequest } from './job-request';
import { pipelineRequest } from './pipeline-body';
import { sweepRequest } from './sweep-body';

/** Reads the properties of a job PUT. What local Azure cannot do is refused here, by name, before anything runs. @throws ArmError 400 */
export function jobRequest(given: Body, components: ComponentLookup): JobRequest {
  const type = requiredText(given, 'jobType');
  switch (type.toLowerCase()) {
    case 'command':
      return commandRequest(given);
    case 'sweep':
      return sweepRequest(given);
    case 'pipeline':
      return pipelineRequest(given, components);
    default:
      throw userError(
        `Jobs of jobType '${type}' are not supported by local Azure; supported: Command, Sweep, Pipeline.`,
        {
          target: 'jobType',
        },
      );
  }
}
