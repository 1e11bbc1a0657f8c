import type { DeploymentRecord, EndpointRecord } from '../azure/online-endpoints/endpoint-store';
import { facts, link, more, pairs, section, state, table, time, trail } from './elements';
import { html, type Html } from './html';
import type { PageContent } from './layout';
import type { AnswerCount, PageParts } from './page-parts';

const pageSize = 50;
/** Answers are counted over this time. */
const minutes = 15;

/** Endpoints in order of their names, from the one after `after`, at most `most`. */
export function endpointTable(parts: PageParts, after: string, most: number): { table: Html; next?: string } {
  const page = parts.endpoints.endpointsAfter(after, most + 1);
  const shown = page.slice(0, most);
  const rows = shown.map(endpoint => {
    const deployments = parts.endpoints.deploymentsOf(endpoint.name);
    return [
      link(endpoint.name, 'endpoints', endpoint.name),
      state(endpoint.provisioningState),
      html`${deployments.length}`,
      traffic(endpoint, deployments),
    ];
  });
  const last = shown.at(-1)?.name.toLowerCase();
  return {
    table: table({
      caption: 'Online endpoints',
      columns: ['Endpoint', 'State', { heading: 'Deployments', numeric: true }, 'Traffic'],
      rows,
      empty: 'There is no endpoint yet.',
    }),
    ...(page.length > most && last !== undefined ? { next: last } : {}),
  };
}

export function endpointsPage(parts: PageParts, after: string): PageContent {
  const { table, next } = endpointTable(parts, after, pageSize);
  const href = next === undefined ? undefined : `/endpoints?after=${encodeURIComponent(next)}`;
  return {
    title: 'Endpoints',
    section: 'Endpoints',
    content: html`<h1>Endpoints</h1>
      ${table}${more(href, 'More endpoints')}`,
  };
}

export async function endpointPage(parts: PageParts, name: string): Promise<PageContent | undefined> {
  const endpoint = parts.endpoints.endpoint(name);
  if (!endpoint) return undefined;
  const deployments = parts.endpoints.deploymentsOf(endpoint.name);
  return {
    title: endpoint.name,
    section: 'Endpoints',
    content: html`${trail(['Endpoints', '/endpoints'])}
      <div class="heading">
        <h1>${endpoint.name}</h1>
        ${state(endpoint.provisioningState)}
      </div>
      ${facts([
        ['Traffic', traffic(endpoint, deployments)],
        ['Scoring', html`<code>${parts.description.inference}/${endpoint.name}</code>`],
        ['Sign-in', endpoint.authMode],
        ['Created', time(endpoint.createdAt)],
        ['Changed', time(endpoint.modifiedAt)],
        ['Tags', pairs(endpoint.tags)],
      ])}
      ${section('deployments', 'Deployments', deploymentTable(parts, endpoint, deployments, await parts.recentAnswers(endpoint.name, minutes)))}`,
  };
}

function deploymentTable(
  parts: PageParts,
  endpoint: EndpointRecord,
  deployments: DeploymentRecord[],
  answered: AnswerCount[],
): Html {
  return table({
    caption: `Deployments of ${endpoint.name}`,
    columns: [
      'Deployment',
      'State',
      'Model',
      { heading: 'Ready', numeric: true },
      { heading: 'Traffic', numeric: true },
      { heading: 'Mirror', numeric: true },
      `Answers in ${minutes} minutes`,
      'Changed',
      'Tags',
    ],
    empty: 'It has no deployment.',
    rows: deployments.map(deployment => [
      html`${deployment.name}`,
      state(deployment.provisioningState),
      modelOf(deployment),
      html`${parts.readyInstances(endpoint.name, deployment.name)} of ${deployment.capacity}`,
      html`${endpoint.traffic[deployment.name] ?? 0} %`,
      html`${endpoint.mirrorTraffic[deployment.name] ?? 0} %`,
      answers(answered.filter(answer => answer.deployment === deployment.name)),
      time(deployment.modifiedAt),
      html`${pairs(deployment.tags)}`,
    ]),
  });
}

function answers(counts: AnswerCount[]): Html {
  if (counts.length === 0) return html`<span class="muted">none</span>`;
  return html`${counts.map(
    ({ status, count }) =>
      html`<span class="reading"><span class="${status < 400 ? 'good' : 'bad'}">${status}</span> ${count}</span> `,
  )}`;
}

function modelOf({ properties: { model } }: DeploymentRecord): Html {
  if (model === null) return html`<span class="muted">none</span>`;
  const [, name, version] = /([^/:]+)(?:\/versions\/|:)([^/:]+)$/.exec(model) ?? [];
  return name === undefined || version === undefined
    ? html`${model}`
    : link(`${name}:${version}`, 'models', name, version);
}

const barWidth = 240;

/** The shares of the live traffic as one bar, in words below it, and what is mirrored. */
function traffic(endpoint: EndpointRecord, deployments: DeploymentRecord[]): Html {
  const shares = Object.entries(endpoint.traffic).filter(([, share]) => share > 0);
  const mirrored = Object.entries(endpoint.mirrorTraffic).filter(([, share]) => share > 0);
  if (shares.length === 0 && mirrored.length === 0) return html`<span class="muted">none</span>`;
  // The place among the deployments decides the colour, so that it stays when traffic moves.
  const colour = (name: string): number =>
    Math.max(
      deployments.findIndex(deployment => deployment.name === name),
      0,
    ) % 4;
  let begin = 0;
  const bars = shares.map(([name, share]) => {
    const x = begin;
    begin += (share / 100) * barWidth;
    return html`<rect
      class="share${colour(name)}"
      x="${x.toFixed(1)}"
      y="0"
      width="${((share / 100) * barWidth).toFixed(1)}"
      height="8"
    />`;
  });
  return html`<div class="traffic">
    <svg viewBox="0 0 ${barWidth} 8" preserveAspectRatio="none" aria-hidden="true">${bars}</svg>
    <ul>
      ${shares.map(([name, share]) => html`<li class="share${colour(name)}"><strong>${share} %</strong> ${name}</li>`)}${mirrored.map(
        ([name, share]) => html`<li class="mirror"><strong>${share} %</strong> mirrored to ${name}</li>`,
      )}
    </ul>
  </div>`;
}
