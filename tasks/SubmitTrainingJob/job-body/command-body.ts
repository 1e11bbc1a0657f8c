import type { CommandJobSpec } from '../job-file/command-job';
import { isRemote, localPath } from '../../../lib/azureml/local-path';
import { environmentId } from '../../../lib/azureml/environment-spec';
import { inputsOf, outputOf } from './inputs-outputs';
import type { JobAssets } from './job-assets';
import { mapValues, present } from '../../../lib/azureml/present';
import { commandLimitsOf, distributionOf, identityOf, queueOf, resourcesOf, servicesOf, type Json } from './settings';

/** The REST body of a command job. */
export async function commandBody(spec: CommandJobSpec, folder: string, assets: JobAssets): Promise<Json> {
  // What is named is looked up before anything is uploaded.
  const compute = await computeOf(spec.compute, spec.resources?.instance_count, assets);
  return {
    jobType: 'Command',
    command: spec.command,
    environmentId: await environmentId(spec.environment, folder, assets),
    ...present({
      codeId: await codeOf(spec.code, folder, assets),
      computeId: compute,
      distribution: spec.distribution && distributionOf(spec.distribution),
      resources: spec.resources && resourcesOf(spec.resources),
      limits: spec.limits && commandLimitsOf(spec.limits),
      identity: spec.identity && identityOf(spec.identity),
      services: spec.services && servicesOf(spec.services),
      queueSettings: spec.queue_settings && queueOf(spec.queue_settings),
    }),
    environmentVariables: spec.environment_variables,
    inputs: await inputsOf(spec.inputs, folder, assets),
    outputs: mapValues(spec.outputs, outputOf),
  };
}

/** Undefined for a job that brings no compute along: it runs on serverless compute of `resources.instance_type`. */
export async function computeOf(
  compute: string | undefined,
  nodes: number | string | undefined,
  assets: JobAssets,
): Promise<string | undefined> {
  if (compute === undefined || /^(azureml:)?serverless$/.test(compute)) return undefined;
  return assets.compute(compute, typeof nodes === 'number' ? nodes : 1);
}

export async function codeOf(code: string | undefined, folder: string, assets: JobAssets): Promise<string | undefined> {
  if (code === undefined) return undefined;
  return isRemote(code) ? assets.asset('codes', code) : assets.code(localPath(folder, code));
}
