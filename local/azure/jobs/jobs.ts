import type { FastifyInstance } from 'fastify';
import type { Collection } from '../../journal';
import { ArmError, userError } from '../arm/arm-error';
import { queryValue } from '../arm/arm-scope';
import { inView, listViewType, resourceList } from '../arm/resource-list';
import { stringMap } from '../assets/asset-body';
import type { CodeLookup } from '../assets/codes';
import { serverless, type Cluster } from '../compute/clusters';
import type { Compute } from '../compute/compute';
import type { AzureContext } from '../context';
import type { Run, RunStore } from '../tracking/run-store';
import { jobRequest } from './job-body';
import { hasEnded, type JobRecord, type JobRequest, type JobStore } from './job-record';
import { jobResource } from './job-resource';

export interface JobParts {
  jobs: JobStore;
  runs: RunStore;
  clusters: Collection<Cluster>;
  compute: Compute;
  codes: CodeLookup;
}

/** Command jobs: PUT, GET, list, cancel, delete. */
export function registerJobs(app: FastifyInstance, context: AzureContext, parts: JobParts): void {
  const { jobs, runs, compute } = parts;
  const show = (job: JobRecord): unknown => jobResource(context, job, runOf(job, runs));

  app.get('/jobs', request => {
    const view = listViewType(request);
    const type = queryValue(request, 'jobType');
    const tag = queryValue(request, 'tag');
    const found = jobs
      .all()
      .filter(job => {
        const run = runOf(job, runs);
        return inView(run.hidden, view) && (tag === undefined || hasTag(run, tag));
      })
      .reverse();
    return resourceList(type === undefined || type === 'Command' ? found : [], request, context.baseUrl, show);
  });
  app.get<{ Params: { name: string } }>('/jobs/:name', request => show(requireJob(jobs, request.params.name)));
  app.put<{ Params: { name: string }; Body: { properties?: Record<string, unknown> } | undefined }>(
    '/jobs/:name',
    (request, reply) => {
      const { name } = request.params;
      // An existing name answers with the old job, whatever its state and whatever the body says: it never runs twice.
      const old = jobs.get(name);
      if (old) return reply.code(200).send(show(old));
      if (!/^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$/.test(name)) {
        throw userError(`The job name '${name}' is not valid: letters, digits, '-' and '_', at most 255.`, {
          target: 'name',
        });
      }
      const given = request.body?.properties ?? {};
      const wanted = jobRequest(given);
      const cluster = requireReferences(wanted, context, parts);
      const now = new Date();
      const job: JobRecord = {
        name,
        request: wanted,
        status: 'NotStarted',
        createdAt: now.toISOString(),
        createdBy: request.caller?.clientId ?? '',
      };
      runs.addRun({
        id: name,
        name: typeof given.displayName === 'string' && given.displayName !== '' ? given.displayName : name,
        experimentId: runs.ensureExperiment(wanted.experimentName).id,
        status: 'SCHEDULED',
        startTime: now.getTime(),
        tags: stringMap(given.tags, 'tags'),
        params: {},
        hidden: given.isArchived === true,
        userId: job.createdBy,
      });
      jobs.add(job);
      compute.submit(job, cluster);
      return reply.code(201).send(show(job));
    },
  );
  app.post<{ Params: { name: string } }>('/jobs/:name/cancel', (request, reply) => {
    const job = requireJob(jobs, request.params.name);
    // 200 for running, ended and canceled jobs alike.
    compute.cancel(job.name);
    return reply.code(200).send();
  });
  app.delete<{ Params: { name: string } }>('/jobs/:name', (request, reply) => {
    const job = jobs.get(request.params.name);
    if (!job) return reply.code(204).send();
    if (!hasEnded(job.status))
      throw new ArmError(409, 'Conflict', `Job ${job.name} is ${job.status}; cancel it before deleting it.`);
    throw new ArmError(400, 'UserError', 'Deleting jobs is not supported by local Azure; archive them.', {
      innerCode: 'NotSupported',
    });
  });
}

/** Checks what the job refers to and gives the cluster that it runs on. @throws ArmError */
function requireReferences(request: JobRequest, context: AzureContext, parts: JobParts): Cluster {
  const environment = context.environments.find(request.environmentId);
  if (!environment)
    throw userError(`The environment ${request.environmentId} was not found.`, {
      innerCode: 'NotFoundError',
      target: 'environmentId',
    });
  if (request.codeId !== null && !parts.codes(request.codeId)) {
    throw userError(`The code ${request.codeId} was not found.`, { innerCode: 'NotFoundError', target: 'codeId' });
  }
  if (request.computeId === null) return serverless;
  const prefix = `${context.workspaceArmId}/computes/`;
  const name = request.computeId.toLowerCase().startsWith(prefix.toLowerCase())
    ? request.computeId.slice(prefix.length)
    : request.computeId;
  const cluster = parts.clusters.get(name);
  if (cluster) return cluster;
  const known = [...parts.clusters.entries()].map(([, found]) => found.name);
  throw userError(
    `Compute with name ${name} was not found in the workspace. Names are case-sensitive; computes of this workspace: ${known.join(', ')}.`,
    { innerCode: 'NotFoundError', target: 'computeId' },
  );
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

function hasTag(run: Run, tag: string): boolean {
  const [key = '', ...value] = tag.split('=');
  return value.length === 0 ? key in run.tags : run.tags[key] === value.join('=');
}
