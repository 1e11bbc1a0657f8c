import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { collection, findAttachment } from './build-routes';
import type { BuildAttachment, Build, Builds, TimelineRecord } from './builds';
import { badRequest } from './devops-error';
import type { Organization } from './organization';

interface PlanParams {
  planId: string;
}
interface RecordParams extends PlanParams {
  timelineId: string;
  recordId: string;
}

/** The plan behind a build, as an agent or a task writes to it: `{project}/_apis/distributedtask/hubs/{hub}/plans/{planId}/…`. */
export function registerPlans(app: FastifyInstance, organization: Organization, builds: Builds): void {
  const buildOf = (request: { params: PlanParams }): Build => builds.ofPlan(request.params.planId);

  app.get<{ Params: PlanParams & { timelineId: string } }>('/timelines/:timelineId/records', request =>
    collection(buildOf(request).records),
  );
  app.patch<{ Params: PlanParams & { timelineId: string } }>('/timelines/:timelineId/records', request => {
    const { value } = (request.body ?? {}) as { value?: unknown };
    const records = (Array.isArray(value) ? value : []) as (Partial<TimelineRecord> & { id?: unknown })[];
    if (records.length === 0 || records.some(record => typeof record.id !== 'string'))
      throw badRequest('The body must be {"count": n, "value": [records with an id]}.');
    const { id } = buildOf(request);
    const changed = builds.putRecords(id, records as (Partial<TimelineRecord> & { id: string })[]);
    return collection(changed.records.filter(record => records.some(one => one.id === record.id)));
  });

  const attachmentResource = (build: Build, one: BuildAttachment): Record<string, unknown> => ({
    _links: {},
    type: one.type,
    name: one.name,
    timelineId: build.timelineId,
    recordId: one.recordId,
    createdOn: one.created,
    lastChangedOn: one.created,
    url: `${organization.projectUrl}/_apis/distributedtask/hubs/build/plans/${build.planId}/timelines/${build.timelineId}/records/${one.recordId}/attachments/${encodeURIComponent(one.type)}/${encodeURIComponent(one.name)}`,
  });
  app.get<{ Params: PlanParams & { type: string } }>('/attachments/:type', request => {
    const build = buildOf(request);
    const ofType = build.attachments.filter(one => one.type.toLowerCase() === request.params.type.toLowerCase());
    return collection(ofType.map(one => attachmentResource(build, one)));
  });
  app.get<{ Params: RecordParams & { type: string } }>(
    '/timelines/:timelineId/records/:recordId/attachments/:type',
    request => {
      const build = buildOf(request);
      const { recordId, type } = request.params;
      const found = build.attachments.filter(one => one.recordId === recordId.toLowerCase() && one.type === type);
      return collection(found.map(one => attachmentResource(build, one)));
    },
  );
  const one = '/timelines/:timelineId/records/:recordId/attachments/:type/:name';
  app.put<{ Params: RecordParams & { type: string; name: string } }>(one, (request, reply) => {
    const build = buildOf(request);
    const { recordId, type, name } = request.params;
    const content = Buffer.isBuffer(request.body) ? request.body : Buffer.from(JSON.stringify(request.body ?? ''));
    const made = builds.attach(build.id, recordId.toLowerCase(), type, name, content);
    return reply.code(201).send(attachmentResource(build, made));
  });
  app.get<{ Params: RecordParams & { type: string; name: string } }>(one, (request, reply) => {
    const build = buildOf(request);
    const { recordId, type, name } = request.params;
    const found = findAttachment(build, recordId, type, name);
    // The same address gives the content or its description, by what the client accepts.
    if ((request.headers.accept ?? '').includes('application/json')) return attachmentResource(build, found);
    return reply.type('application/octet-stream').send(createReadStream(builds.fileOf(found.file)));
  });
}
