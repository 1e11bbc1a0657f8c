import { z } from 'zod';
import {
  about,
  commandLimits,
  distribution,
  identity,
  jobInput,
  namedOutput,
  queueSettings,
  resources,
  services,
} from './parts';
import { environment } from '../../../lib/azureml/environment-spec';
import { strings } from '../../../lib/azureml/yaml-file';

/** The command job of `az ml` v2: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command */
export const commandJob = z.strictObject({
  ...about,
  type: z.literal('command').default('command'),
  command: z.string(),
  code: z.string().optional(),
  compute: z.string().optional(),
  environment,
  environment_variables: strings.default({}),
  inputs: z.record(z.string(), jobInput).default({}),
  outputs: z.record(z.string(), namedOutput).default({}),
  distribution: distribution.optional(),
  resources: resources.optional(),
  limits: commandLimits.optional(),
  identity: identity.optional(),
  services: services.optional(),
  queue_settings: queueSettings.optional(),
});

export type CommandJobSpec = z.output<typeof commandJob>;
