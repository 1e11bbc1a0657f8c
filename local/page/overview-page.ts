import { facts, link, section, state, table, time } from './elements';
import { endpointTable } from './endpoint-pages';
import { html, type Html } from './html';
import { jobTable } from './job-pages';
import type { PageContent } from './layout';
import { modelTable } from './model-pages';
import type { PageParts } from './page-parts';

const few = 6;

export function overviewPage(parts: PageParts): PageContent {
  const { description } = parts;
  return {
    title: description.workspace,
    section: 'Overview',
    content: html`<h1>${description.workspace}</h1>
      ${section('endpoints', 'Endpoints', endpointTable(parts, '', few).table, all('endpoints'))}
      ${section('jobs', 'Latest jobs', jobTable(parts, undefined, few).table, all('jobs'))}
      ${section('models', 'Models', modelTable(parts, '', few).table, all('models'))}
      ${section(
        'addresses',
        'Addresses',
        facts([
          ['Resource Manager', html`<code>${description.arm}</code>`],
          ['MLflow', html`<code>${description.mlflow}</code>`],
          ['Blobs', html`<code>${description.blob}</code>`],
          ['Kubernetes', html`<code>${parts.kubernetesUrl}</code>`],
          ['CA certificate', html`<code>${description.ca}</code>`],
          ['kubeconfig', html`<code>${description.kubeconfig}</code>`],
        ]),
      )}`,
  };
}

function all(what: string): Html {
  return link(`All ${what}`, what);
}

export function computesPage(parts: PageParts): PageContent {
  const computes = [...parts.computes.entries()].map(([, compute]) => compute).slice(0, 100);
  return {
    title: 'Computes',
    section: 'Computes',
    content: html`<h1>Computes</h1>
      ${table({
        caption: 'Computes',
        columns: [
          'Compute',
          'State',
          'Kind',
          'Size',
          { heading: 'Nodes', numeric: true },
          { heading: 'At work', numeric: true },
          { heading: 'Scale', numeric: true },
          'Changed',
        ],
        empty: 'There is no compute.',
        rows: computes.map(compute => {
          const nodes = parts.nodes(compute.name);
          return [
            html`${compute.name}`,
            state(compute.state ?? compute.provisioningState),
            html`${compute.computeType}`,
            html`${compute.vmSize}`,
            html`${nodes?.current ?? compute.minNodes}${nodes?.isResizing ? html` <span class="muted">to ${nodes.target}</span>` : undefined}`,
            html`${nodes?.busy ?? 0}`,
            html`${compute.minNodes} to ${compute.maxNodes}`,
            time(compute.modifiedAt),
          ];
        }),
      })}`,
  };
}

export function requestsPage(parts: PageParts): PageContent {
  const shown = parts.requests?.newest() ?? [];
  return {
    title: 'Requests',
    section: 'Requests',
    content: html`<h1>Requests</h1>
      ${
        parts.requests
          ? table({
              caption: 'Latest requests, newest first',
              columns: [
                'Operation',
                'Part',
                { heading: 'Status', numeric: true },
                { heading: 'ms', numeric: true },
                'At',
                'Fault',
              ],
              empty: 'No request has come in yet.',
              rows: shown.map(request => [
                html`<code>${request.operation}</code>`,
                html`${request.plane}`,
                html`<span class="${request.status >= 400 || request.status === 0 ? 'bad' : 'good'}"
                  >${request.status}</span
                >`,
                html`${request.milliseconds}`,
                time(request.time),
                html`${request.fault}`,
              ]),
            })
          : html`<p class="empty">
              Start local Azure with <code>--request-log FILE</code> to see the requests here and in that file.
            </p>`
      }`,
  };
}
