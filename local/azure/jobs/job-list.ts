import type { FastifyRequest } from 'fastify';
import { queryValue } from '../arm/arm-scope';
import { inView, listViewType, wholeNumber } from '../arm/resource-list';
import { hasTag, tagFilter } from '../arm/tag-filter';
import type { Run } from '../tracking/run-store';
import type { JobRecord, JobStore } from './job-record';

const pageSize = 100;

/**
 * One page of the jobs, newest first. `$skip` of the next page's link is the ordinal of the last job seen: a page costs what it looks at, wherever
 * in the list it begins. Filters: listViewType, jobType, tag (`key` or `key=value`), properties (several, with commas). Jobs of schedules do
 * not exist here, so a list of them is empty.
 */
export function jobList(
  request: FastifyRequest,
  o: {
    jobs: JobStore;
    runOf: (job: JobRecord) => Run;
    properties: (job: JobRecord) => Record<string, string>;
    baseUrl: string;
    show: (job: JobRecord) => unknown;
  },
): { value: unknown[]; nextLink?: string } {
  const view = listViewType(request);
  const type = queryValue(request, 'jobType');
  const tag = queryValue(request, 'tag');
  const hasProperties = tagFilter(queryValue(request, 'properties'));
  if (queryValue(request, 'scheduled')?.toLowerCase() === 'true' || queryValue(request, 'scheduleId') !== undefined)
    return { value: [] };
  const before = wholeNumber(request, '$skip');
  const top = wholeNumber(request, '$top');
  const most = Math.min(top ?? pageSize, 1000);
  const value: unknown[] = [];
  let last = Infinity;
  for (const job of o.jobs.newest(before)) {
    const run = o.runOf(job);
    const isWanted =
      inView(run.hidden, view) &&
      (type === undefined || job.request.jobType.toLowerCase() === type.toLowerCase()) &&
      (tag === undefined || hasTag(run.tags, tag)) &&
      hasProperties(o.properties(job));
    if (!isWanted) continue;
    if (value.length === most) {
      if (top !== undefined) return { value };
      const url = new URL(request.url, o.baseUrl);
      url.searchParams.set('$skip', String(last));
      return { value, nextLink: url.href };
    }
    value.push(o.show(job));
    last = job.ordinal;
  }
  return { value };
}
