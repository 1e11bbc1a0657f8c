import type { ModelProperties } from '../azure/assets/models';
import type { StoredVersion } from '../azure/assets/version-store';
import { facts, link, more, pairs, shortNumber, table, time, trail } from './elements';
import { html, pathOf, type Html } from './html';
import type { PageContent } from './layout';
import type { PageParts } from './page-parts';

const pageSize = 50;

/** Models in order of their names, from the one after `after`, at most `most`. */
export function modelTable(parts: PageParts, after: string, most: number): { table: Html; next?: string } {
  const page = take(parts.models.containersAfter(after), most + 1);
  const shown = page.slice(0, most);
  const rows = shown.map(container => {
    const latest =
      container.latestVersion === null ? undefined : parts.models.get(container.name, container.latestVersion);
    return [
      link(container.name, 'models', container.name),
      latest ? link(latest.version, 'models', container.name, latest.version) : html`–`,
      html`${container.count}`,
      latest ? html`${pairs(readings(latest.properties.tags))}` : html``,
      time(latest?.createdAt),
    ];
  });
  const last = shown.at(-1)?.name;
  return {
    table: table({
      caption: 'Registered models',
      columns: ['Model', 'Latest', { heading: 'Versions made', numeric: true }, 'Metrics', 'Registered'],
      rows,
      empty: 'No model has been registered yet.',
    }),
    ...(page.length > most && last !== undefined ? { next: last } : {}),
  };
}

export function modelsPage(parts: PageParts, after: string): PageContent {
  const { table, next } = modelTable(parts, after, pageSize);
  const href = next === undefined ? undefined : `/models?after=${encodeURIComponent(next)}`;
  return {
    title: 'Models',
    section: 'Models',
    content: html`<h1>Models</h1>
      ${table}${more(href, 'More models')}`,
  };
}

/** The versions of a model, newest first, from the one made before the `before`th. */
export function modelPage(parts: PageParts, name: string, before: number | undefined): PageContent | undefined {
  const container = parts.models.container(name);
  if (!container) return undefined;
  const shown: StoredVersion<ModelProperties>[] = [];
  let older: string | undefined;
  for (const version of parts.models.newest(name, before)) {
    if (shown.length === pageSize) {
      older = `${pathOf('models', name)}?before=${shown.at(-1)?.order ?? 0}`;
      break;
    }
    shown.push(version);
  }
  return {
    title: name,
    section: 'Models',
    content: html`${trail(['Models', '/models'])}
      <h1>${name}</h1>
      ${facts([
        ['Description', container.description ?? undefined],
        ['Tags', pairs(container.tags)],
      ])}
      ${table({
        caption: `Versions of ${name}, newest first`,
        columns: ['Version', 'Metrics', 'Job', 'Registered', 'Stage'],
        empty: 'It has no version.',
        rows: shown.map(({ version, properties, createdAt }) => [
          link(version, 'models', name, version),
          html`${pairs(readings(properties.tags))}`,
          properties.jobName === null
            ? html`<span class="muted">–</span>`
            : link(properties.jobName, 'jobs', properties.jobName),
          time(createdAt),
          html`${properties.isArchived ? 'Archived' : properties.stage}`,
        ]),
      })}${more(older, 'Older versions')}`,
  };
}

export function modelVersionPage(parts: PageParts, name: string, version: string): PageContent | undefined {
  const stored = parts.models.get(name, version);
  if (!stored) return undefined;
  const { properties } = stored;
  return {
    title: `${name} ${version}`,
    section: 'Models',
    content: html`${trail(['Models', '/models'], [name, pathOf('models', name)])}
      <h1>${name} <span class="muted">version</span> ${version}</h1>
      ${facts([
        ['Description', properties.description ?? undefined],
        ['Lineage', lineage(parts, properties)],
        ['Type', properties.modelType],
        ['Stage', properties.isArchived ? 'Archived' : properties.stage],
        ['Files', html`<code>${properties.place.container}/${properties.place.path}</code>`],
        ['Registered', time(stored.createdAt)],
        ['Changed', time(stored.lastModifiedAt)],
        ['Tags', pairs(properties.tags)],
        ['Properties', pairs(properties.properties)],
      ])}`,
  };
}

/** The job that made it, and the commit and build that asked for the job. */
function lineage(parts: PageParts, { jobName, tags }: ModelProperties): Html | undefined {
  if (jobName === null) return undefined;
  const run = parts.runs.run(jobName);
  const from = { ...run?.tags, ...tags };
  const commit = from['guardian.commit'] ?? from['mlflow.source.git.commit'];
  const build = from['guardian.build'];
  return html`<ol class="lineage">
    ${commit === undefined ? undefined : html`<li>commit <code>${commit.slice(0, 12)}</code></li>`}${
      build === undefined ? undefined : html`<li>build ${build}</li>`
    }
    <li>job ${run ? link(jobName, 'jobs', jobName) : jobName}</li>
    <li>this version</li>
  </ol>`;
}

function readings(tags: Record<string, string>): Record<string, string> {
  const metrics = Object.entries(tags).filter(([key]) => key.startsWith('metric.'));
  return Object.fromEntries(metrics.slice(0, 4).map(([key, value]) => [key.slice('metric.'.length), readable(value)]));
}

function take<T>(items: Iterable<T>, most: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    if (taken.length === most) break;
    taken.push(item);
  }
  return taken;
}

function readable(value: string): string {
  return value.trim() === '' || Number.isNaN(Number(value)) ? value : shortNumber(Number(value));
}
