import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { Build, BuildAttachment, Builds } from './builds';
import { badRequest, notFound } from './devops-error';
import { buildService, type Organization } from './organization';

interface BuildRoute {
  Params: { buildId: string };
}

/** Builds with their tags, timeline, attachments and artifacts: `{project}/_apis/build/…`. */
export function registerBuilds(app: FastifyInstance, organization: Organization, builds: Builds): void {
  const buildOf = (request: { params: { buildId: string } }): Build => builds.get(wholeNumber(request.params.buildId));

  app.get<{ Querystring: Record<string, string | undefined> }>('/builds', request => {
    const { buildNumber, tagFilters, buildIds } = request.query;
    const top = request.query.$top;
    const tags = tagFilters?.split(',') ?? [];
    const ids = buildIds?.split(',');
    const found = builds
      .list()
      .filter(
        build =>
          (buildNumber === undefined || build.buildNumber === buildNumber) &&
          (ids === undefined || ids.includes(String(build.id))) &&
          tags.every(tag => build.tags.some(one => one.toLowerCase() === tag.toLowerCase())),
      )
      .slice(0, top === undefined ? 1000 : wholeNumber(top));
    return collection(found.map(build => buildResource(build, organization)));
  });
  app.get<BuildRoute>('/builds/:buildId', request => buildResource(buildOf(request), organization));

  app.get<BuildRoute>('/builds/:buildId/tags', request => collection(buildOf(request).tags));
  app.put<{ Params: { buildId: string; '*': string } }>('/builds/:buildId/tags/*', request => {
    organization.require('UpdateBuildInformation');
    return collection(builds.addTags(buildOf(request).id, [request.params['*']]).tags);
  });
  app.delete<{ Params: { buildId: string; '*': string } }>('/builds/:buildId/tags/*', request => {
    organization.require('UpdateBuildInformation');
    return collection(builds.removeTags(buildOf(request).id, [request.params['*']]).tags);
  });
  app.post<BuildRoute>('/builds/:buildId/tags', request => {
    organization.require('UpdateBuildInformation');
    return collection(builds.addTags(buildOf(request).id, texts(request.body, 'tags')).tags);
  });
  app.patch<BuildRoute>('/builds/:buildId/tags', request => {
    organization.require('UpdateBuildInformation');
    const { tagsToAdd, tagsToRemove } = (request.body ?? {}) as Record<string, unknown>;
    const { id } = buildOf(request);
    if (tagsToRemove !== undefined) builds.removeTags(id, texts(tagsToRemove, 'tagsToRemove'));
    return collection(builds.addTags(id, tagsToAdd === undefined ? [] : texts(tagsToAdd, 'tagsToAdd')).tags);
  });

  app.get<{ Params: { buildId: string; timelineId?: string } }>(
    '/builds/:buildId/timeline/:timelineId?',
    (request, reply) => {
      const build = buildOf(request);
      const { timelineId } = request.params;
      if (timelineId !== undefined && timelineId.toLowerCase() !== build.timelineId) return reply.code(204).send();
      return {
        records: build.records.map(record => ({ attempt: 1, errorCount: 0, warningCount: 0, issues: [], ...record })),
        lastChangedBy: buildService.id,
        lastChangedOn: build.finishTime ?? build.startTime,
        id: build.timelineId,
        changeId: build.changeId,
        url: `${buildUrl(build, organization)}/Timeline/${build.timelineId}`,
      };
    },
  );

  app.get<{ Params: { buildId: string; type: string } }>('/builds/:buildId/attachments/:type', request => {
    const build = buildOf(request);
    const ofType = build.attachments.filter(one => one.type.toLowerCase() === request.params.type.toLowerCase());
    return collection(
      ofType.map(one => ({ name: one.name, _links: { self: { href: attachmentUrl(build, one, organization) } } })),
    );
  });
  app.get<{ Params: { buildId: string; timelineId: string; recordId: string; type: string; name: string } }>(
    '/builds/:buildId/:timelineId/:recordId/attachments/:type/:name',
    (request, reply) => {
      const { recordId, type, name } = request.params;
      const found = findAttachment(buildOf(request), recordId, type, name);
      return reply.type('application/octet-stream').send(createReadStream(builds.fileOf(found.file)));
    },
  );

  app.get<{ Params: { buildId: string }; Querystring: { artifactName?: string } }>(
    '/builds/:buildId/artifacts',
    request => {
      const build = buildOf(request);
      const all = build.artifacts.map((artifact, index) => ({
        id: index + 1,
        name: artifact.name,
        source: build.planId,
        resource: {
          type: 'FilePath',
          data: artifact.path,
          url: `${buildUrl(build, organization)}/artifacts?artifactName=${encodeURIComponent(artifact.name)}`,
        },
      }));
      const { artifactName } = request.query;
      if (artifactName === undefined) return collection(all);
      const found = all.find(one => one.name.toLowerCase() === artifactName.toLowerCase());
      if (!found) {
        throw notFound('ArtifactNotFoundException', `Artifact ${artifactName} was not found for build ${build.id}.`);
      }
      return found;
    },
  );
}

/** @throws DevOpsError 404 */
export function findAttachment(build: Build, recordId: string, type: string, name: string): BuildAttachment {
  const found = build.attachments.find(
    one =>
      one.recordId === recordId.toLowerCase() && one.type.toLowerCase() === type.toLowerCase() && one.name === name,
  );
  if (!found) throw notFound('AttachmentNotFoundException', `No attachment found for type ${type} and name ${name}.`);
  return found;
}

/** A list in the form of Azure DevOps. */
export function collection(value: unknown[]): { count: number; value: unknown[] } {
  return { count: value.length, value };
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`The value '${text}' is not a whole number.`);
  return Number(text);
}

function texts(value: unknown, field: string): string[] {
  if (!Array.isArray(value) || value.some(one => typeof one !== 'string'))
    throw badRequest(`${field} must be a list of texts.`);
  return value as string[];
}

function buildUrl(build: Build, organization: Organization): string {
  return `${organization.projectUrl}/_apis/build/Builds/${build.id}`;
}

function attachmentUrl(build: Build, attachment: BuildAttachment, organization: Organization): string {
  const { recordId, type, name } = attachment;
  return `${buildUrl(build, organization)}/${build.timelineId}/${recordId}/attachments/${encodeURIComponent(type)}/${encodeURIComponent(name)}`;
}

function buildResource(build: Build, organization: Organization): Record<string, unknown> {
  const url = buildUrl(build, organization);
  const project = organization.projectReference();
  return {
    _links: { self: { href: url }, timeline: { href: `${url}/Timeline` } },
    properties: {},
    tags: build.tags,
    validationResults: [],
    plans: [{ planId: build.planId }],
    triggerInfo: {},
    id: build.id,
    buildNumber: build.buildNumber,
    status: build.result === undefined ? 'inProgress' : 'completed',
    ...(build.result === undefined ? {} : { result: build.result }),
    queueTime: build.startTime,
    startTime: build.startTime,
    ...(build.finishTime === undefined ? {} : { finishTime: build.finishTime }),
    url,
    definition: {
      drafts: [],
      id: 1,
      name: build.definition,
      url: `${organization.projectUrl}/_apis/build/Definitions/1`,
      path: '\\',
      type: 'build',
      queueStatus: 'enabled',
      revision: 1,
      project,
    },
    project,
    uri: `vstfs:///Build/Build/${build.id}`,
    sourceBranch: build.sourceBranch,
    sourceVersion: build.sourceVersion,
    priority: 'normal',
    reason: 'manual',
    requestedFor: buildService,
    requestedBy: buildService,
    lastChangedDate: build.finishTime ?? build.startTime,
    lastChangedBy: buildService,
    orchestrationPlan: { planId: build.planId },
    repository: {
      id: build.repositoryId,
      name: build.repositoryId,
      type: 'TfsGit',
      clean: null,
      checkoutSubmodules: false,
    },
    keepForever: false,
    retainedByRelease: false,
    triggeredByBuild: null,
  };
}
