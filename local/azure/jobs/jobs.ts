import type { FastifyInstance } from 'fastify';
import type { Collection } from '../../journal';
import { ArmError, userError } from '../arm/arm-error';
import type { OperationRun } from '../arm/operations';
import { stringMap } from '../assets/asset-body';
import type { CodeLookup } from '../assets/codes';
import { artifactPrefix } from '../assets/data-uri';
import type { Compute } from '../compute/compute';
import type { ComputeRecord } from '../compute/compute-record';
import type { AzureContext } from '../context';
import type { Run, RunStore } from '../tracking/run-store';
import { artifactContainer } from '../workspace/datastores';
import { record, text, type Body } from './body-fields';
import type { ComponentLookup } from './component-lookup';
import { jobRequest } from './job-body';
import { changeJob } from './job-changes';
import { jobList } from './job-list';
import { requireReferences } from './job-references';
import { hasEnded, type JobRecord, type JobStore } from './job-record';
import { jobProperties, jobResource } from './job-resource';

export interface JobParts {
  jobs: JobStore;
  runs: RunStore;
  computes: Collection<ComputeRecord>;
  compute: Compute;
  codes: CodeLookup;
  components: ComponentLookup;
}

interface Named {
  Params: { name: string };
}

/** Jobs of all kinds: PUT, GET, list, cancel, delete. */
export function registerJobs(app: FastifyInstance, context: AzureContext, parts: JobParts): void {
  const { jobs, runs, compute } = parts;
  const show = (job: JobRecord): unknown => jobResource(context, job, runOf(job, runs));

  app.get('/jobs', request =>
    jobList(request, {
      jobs,
      show,
      runOf: job => runOf(job, runs),
      properties: job => jobProperties(job, runOf(job, runs)),
      baseUrl: context.baseUrl,
    }),
  );
  app.get<Named>('/jobs/:name', request => show(requireJob(jobs, request.params.name)));
  app.put<Named & { Body: Body | undefined }>('/jobs/:name', (request, reply) => {
    const { name } = request.params;
    const given = record(request.body ?? {}, 'properties');
    const old = jobs.get(name);
    if (old) {
      changeJob(old, given, runs);
      return reply.code(200).send(show(old));
    }
    if (!/^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$/.test(name)) {
      throw userError(`The job name '${name}' is not valid: letters, digits, '-' and '_', at most 255.`, {
        target: 'name',
      });
    }
    const wanted = jobRequest(given, parts.components);
    requireReferences(wanted, context, parts);
    const displayName = text(given, 'displayName');
    const job = compute.begin({
      name,
      request: wanted,
      ...(displayName === null ? {} : { displayName }),
      tags: stringMap(given.tags, 'tags'),
      isArchived: given.isArchived === true,
      createdBy: request.caller?.clientId ?? '',
    });
    return reply.code(201).send(show(job));
  });
  app.post<Named>('/jobs/:name/cancel', (request, reply) => {
    const job = requireJob(jobs, request.params.name);
    // 200 for running, ended and canceled jobs alike.
    compute.cancel(job.name);
    return reply.code(200).send();
  });
  const remove =
    (name: string): OperationRun =>
    async () => {
      for (const child of jobs.children(name)) await removeOne(child.name);
      await removeOne(name);
    };
  const removeOne = async (name: string): Promise<void> => {
    const prefix = artifactPrefix(name);
    for (const blob of await context.blobs.list(artifactContainer, prefix))
      await context.blobs.delete(artifactContainer, blob.path);
    jobs.remove(name);
    runs.removeRun(name);
  };
  context.operations.onRestart('job-delete', ({ resource }) => remove(resource.split('/').at(-1) ?? ''));
  app.delete<Named>('/jobs/:name', (request, reply) => {
    const job = jobs.get(request.params.name);
    if (!job) return reply.code(204).send();
    if (!hasEnded(job.status))
      throw new ArmError(409, 'Conflict', `Job ${job.name} is ${job.status}; cancel it before deleting it.`);
    const { resultHeaders } = context.operations.start({
      kind: 'job-delete',
      resource: `${context.workspaceArmId}/jobs/${job.name}`,
      prefix: 'job',
      run: remove(job.name),
    });
    return reply.code(202).headers(resultHeaders).send();
  });
}

function requireJob(jobs: JobStore, name: string): JobRecord {
  const job = jobs.get(name);
  if (job) return job;
  throw new ArmError(404, 'UserError', `Job ${name} was not found in this workspace. Names are case-sensitive.`, {
    innerCode: 'NotFoundError',
  });
}

function runOf(job: JobRecord, runs: RunStore): Run {
  const run = runs.run(job.name);
  if (!run) throw new Error(`Job ${job.name} has no run.`);
  return run;
}
