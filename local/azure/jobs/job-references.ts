import type { Collection } from '../../journal';
import { userError } from '../arm/arm-error';
import type { CodeLookup } from '../assets/codes';
import { computeName, type ComputeRecord } from '../compute/compute-record';
import type { AzureContext } from '../context';
import type { CommandSpec, JobRequest } from './job-request';

interface References {
  computes: Collection<ComputeRecord>;
  codes: CodeLookup;
}

/** Checks that what a job refers to is there. @throws ArmError 400 with the field that names it as target */
export function requireReferences(request: JobRequest, context: AzureContext, parts: References): void {
  requireCompute(request.computeId, 'computeId', context, parts);
  switch (request.jobType) {
    case 'Command':
      requireSpec(request, '', context, parts);
      return;
    case 'Sweep':
      requireSpec(request.trial, 'trial.', context, parts);
      return;
    case 'Pipeline':
      for (const [name, step] of Object.entries(request.steps)) {
        requireCompute(step.computeId, `jobs.${name}.computeId`, context, parts);
        requireSpec(step.spec, `jobs.${name}.`, context, parts);
      }
  }
}

function requireSpec(spec: CommandSpec, where: string, context: AzureContext, parts: References): void {
  if (!context.environments.find(spec.environmentId))
    throw userError(`The environment ${spec.environmentId} was not found.`, {
      innerCode: 'NotFoundError',
      target: `${where}environmentId`,
    });
  if (spec.codeId !== null && !parts.codes(spec.codeId))
    throw userError(`The code ${spec.codeId} was not found.`, { innerCode: 'NotFoundError', target: `${where}codeId` });
}

function requireCompute(computeId: string | null, target: string, context: AzureContext, parts: References): void {
  if (computeId === null) return;
  const name = computeName(computeId);
  if (name.toLowerCase() === 'serverless') return;
  const isHere =
    !/^\/subscriptions\//i.test(computeId) ||
    computeId.toLowerCase().startsWith(`${context.workspaceArmId}/computes/`.toLowerCase());
  const compute = isHere ? parts.computes.get(name) : undefined;
  if (!compute) {
    const known = [...parts.computes.entries()].map(([, found]) => found.name);
    throw userError(
      `Compute with name ${name} was not found in the workspace. Names are case-sensitive; computes of this workspace: ${known.join(', ')}.`,
      { innerCode: 'NotFoundError', target },
    );
  }
  if (compute.computeType === 'Kubernetes')
    throw userError(
      `Jobs on an attached Kubernetes compute are not supported by local Azure; ${name} serves endpoints.`,
      {
        target,
      },
    );
  if (compute.computeType === 'ComputeInstance' && compute.state !== 'Running')
    throw userError(`Compute ${name} is ${compute.state ?? 'not running'}; start it before submitting jobs to it.`, {
      target,
    });
}
