import type { Metric } from '../azure/tracking/run-store';
import type { JobRecord } from '../azure/jobs/job-record';
import { jobTags } from '../azure/jobs/job-resource';
import type { JobInput, JobOutput } from '../azure/jobs/job-request';
import { duration, facts, link, more, pairs, section, shortNumber, state, table, time, trail } from './elements';
import { html, pathOf, type Html } from './html';
import { logFiles, readLog, type LogPart } from './job-logs';
import type { PageContent } from './layout';
import { metricChart } from './metric-chart';
import type { PageParts } from './page-parts';

const pageSize = 50;
const mostCharts = 24;
const mostChildren = 100;

/** The newest jobs that are older than `before` (an ordinal), at most `most`. */
export function jobTable(parts: PageParts, before: number | undefined, most: number): { table: Html; next?: number } {
  const jobs: JobRecord[] = [];
  let next: number | undefined;
  for (const job of parts.jobs.newest(before)) {
    if (jobs.length === most) {
      next = jobs.at(-1)?.ordinal;
      break;
    }
    jobs.push(job);
  }
  return {
    table: rows(parts, jobs, 'Jobs, newest first', 'No job has been submitted yet.'),
    ...(next === undefined ? {} : { next }),
  };
}

export function jobsPage(parts: PageParts, before: number | undefined): PageContent {
  const { table, next } = jobTable(parts, before, pageSize);
  const older = next === undefined ? undefined : `/jobs?before=${next}`;
  return {
    title: 'Jobs',
    section: 'Jobs',
    content: html`<h1>Jobs</h1>
      ${table}${more(older, 'Older jobs')}`,
  };
}

function rows(parts: PageParts, jobs: JobRecord[], caption: string, empty: string): Html {
  return table({
    caption,
    columns: ['Job', 'State', 'Experiment', 'Kind', 'Created', { heading: 'Took', numeric: true }, 'Metrics'],
    empty,
    rows: jobs.map(job => [
      html`${link(displayName(parts, job), 'jobs', job.name)}${displayName(parts, job) === job.name ? undefined : html`<small>${job.name}</small>`}`,
      state(job.status),
      html`${job.request.experimentName}`,
      html`${job.request.jobType}`,
      time(job.createdAt),
      duration(job.startedAt, job.endedAt),
      html`${parts.runs
        .metrics(job.name)
        .slice(0, 3)
        .map(({ key, value }) => html`<span class="reading"><span>${key}</span> ${shortNumber(value)}</span> `)}`,
    ]),
  });
}

/** @param isUpdate leaves the log's text out: the script of the page has what it has, and fetches the rest */
export async function jobPage(
  parts: PageParts,
  name: string,
  log: string | undefined,
  isUpdate: boolean,
): Promise<PageContent | undefined> {
  const job = parts.jobs.get(name);
  if (!job) return undefined;
  const run = parts.runs.run(name);
  const { request } = job;
  const children = parts.jobs.children(name).slice(0, mostChildren);
  const metrics = parts.runs.metrics(name).slice(0, mostCharts);
  const histories = metrics.map(({ key }) => ({ key, history: parts.runs.metricHistory(name, key) }));
  const command =
    request.jobType === 'Command' ? request.command : request.jobType === 'Sweep' ? request.trial.command : undefined;
  const steps = request.jobType === 'Pipeline' ? 'Steps' : 'Trials';
  const title = displayName(parts, job);
  return {
    title,
    section: 'Jobs',
    content: html`${trail(['Jobs', '/jobs'], ...(job.parent ? [[job.parent.job, pathOf('jobs', job.parent.job)] as [string, string]] : []))}
      <div class="heading">
        <h1>${title}</h1>
        ${state(job.status)}
      </div>
      ${job.error ? html`<p class="failure" role="alert"><strong>${job.error.code}</strong> ${job.error.message}</p>` : undefined}
      ${facts([
        ['Name', job.name],
        ['Experiment', request.experimentName],
        ['Kind', request.jobType],
        ['Compute', request.computeId === null ? 'serverless' : request.computeId.split('/').at(-1)],
        ['Created', time(job.createdAt)],
        ['Took', duration(job.startedAt, job.endedAt)],
        ['Parent', job.parent ? link(`${job.parent.job}, ${job.parent.key}`, 'jobs', job.parent.job) : undefined],
        ['Drawn values', pairs(job.searchSpace ?? {})],
        ['Parameters', pairs(run?.params ?? {})],
        ['Tags', pairs(run ? jobTags(run) : {})],
      ])}
      ${histories.length === 0 ? undefined : section('metrics', 'Metrics', metricSection(histories))}
      ${children.length === 0 ? undefined : section('children', steps, rows(parts, children, steps, ''))}
      ${await logSection(parts, job, log, isUpdate)}
      ${section('definition', 'Definition', [
        command === undefined
          ? undefined
          : html`<pre class="command" tabindex="0" role="region" aria-label="Command">${command}</pre>`,
        assets('Inputs', request.inputs),
        assets('Outputs', request.outputs),
      ])}`,
  };
}

/** What was logged once as a number, what was logged again and again as a curve. */
function metricSection(histories: { key: string; history: Metric[] }[]): Html {
  const once = histories.filter(({ history }) => history.length === 1);
  const curves = histories.filter(({ history }) => history.length > 1);
  const values = once.map(
    ({ key, history }) =>
      html`<div>
        <dt>${key}</dt>
        <dd>${shortNumber(history[0]?.value ?? NaN)}</dd>
      </div>`,
  );
  return html`${once.length === 0 ? undefined : html`<dl class="values">${values}</dl>`}
    <div class="metrics">${curves.map(({ key, history }) => metricChart(key, history))}</div>`;
}

async function logSection(
  parts: PageParts,
  job: JobRecord,
  wanted: string | undefined,
  isUpdate: boolean,
): Promise<Html> {
  const files = await logFiles(parts.blobs, job.name);
  const path = files.find(file => file.path === wanted)?.path ?? files[0]?.path;
  if (path === undefined) return section('log', 'Log', html`<p class="empty">Nothing has been written yet.</p>`);
  const own = pathOf('jobs', job.name);
  const shown = isUpdate ? undefined : wholeLines(await readLog(parts.blobs, job.name, path));
  const source = `${own}/log?path=${encodeURIComponent(path)}`;
  const choice = html`<nav class="files" aria-label="Log files">
    <ul>
      ${files.map(
        file =>
          html`<li>
            <a
              href="${own}?log=${encodeURIComponent(file.path)}#log"
              ${file.path === path ? html`aria-current="true"` : undefined}
              >${file.path}</a
            >
          </li>`,
      )}
    </ul>
  </nav>`;
  return section(
    'log',
    'Log',
    [
      files.length > 1 ? choice : undefined,
      html`<pre
        id="log-text"
        class="log"
        tabindex="0"
        role="log"
        aria-live="off"
        aria-label="${path}"
        data-log="${source}"
        data-next="${shown?.next ?? 0}"
      >
${shown?.text}</pre>`,
    ],
    html`<a href="${source}&amp;whole=true">Whole log<span class="unseen"> ${path}</span></a>`,
  );
}

/** The log up to its last whole line, so that no character is cut; the script fetches what comes behind. */
function wholeLines(part: LogPart | undefined): { text: string; next: number } | undefined {
  if (!part) return undefined;
  const end = part.bytes.lastIndexOf(0x0a) + 1;
  const before = part.from > 0 ? '… the beginning is in the whole log\n' : '';
  return { text: before + part.bytes.subarray(0, end).toString(), next: part.from + end };
}

function assets(caption: string, map: Record<string, JobInput | JobOutput>): Html | undefined {
  const entries = Object.entries(map);
  if (entries.length === 0) return undefined;
  return table({
    caption,
    columns: ['Name', 'Type', 'Value'],
    empty: '',
    rows: entries.map(([name, given]) => [
      html`${name}`,
      html`${'jobInputType' in given ? given.jobInputType : given.jobOutputType}`,
      html`<code>${('value' in given ? given.value : undefined) ?? withoutQuery(given.uri) ?? 'default place'}</code>`,
    ]),
  });
}

/** A blob's URL may carry a signature. */
function withoutQuery(uri: string | undefined): string | undefined {
  return uri?.replace(/\?.*$/s, '');
}

function displayName(parts: PageParts, job: JobRecord): string {
  const name = parts.runs.run(job.name)?.name;
  return name === undefined || name === '' ? job.name : name;
}
