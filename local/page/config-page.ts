import { isRecord, type ApiObject } from '../kubernetes/objects/api-object';
import { resourceNamed } from '../kubernetes/objects/resources';
import type { ObjectStore } from '../kubernetes/objects/object-store';
import { section, table, time } from './elements';
import { html, type Html } from './html';
import type { PageContent } from './layout';
import type { PageParts } from './page-parts';

const mostObjects = 100;
const mostKeys = 50;

/** ConfigMaps, Secrets and the workloads of one namespace; `guardian` unless another is asked for. */
export function configPage(parts: PageParts, wanted: string | undefined): PageContent {
  const { cluster } = parts;
  const content = cluster
    ? namespacePage(cluster, wanted)
    : html`<h1>Configuration</h1>
        <p class="empty">The configuration is in the cluster that was given with --kubeconfig, not here.</p>`;
  return { title: 'Configuration', section: 'Configuration', content };
}

function namespacePage(cluster: ObjectStore, wanted: string | undefined): Html {
  const names = cluster.list(resourceNamed('namespaces')).map(({ metadata }) => metadata.name);
  const namespace = wanted ?? (names.includes('guardian') ? 'guardian' : (names[0] ?? 'default'));
  const list = (plural: string): ApiObject[] => cluster.list(resourceNamed(plural), namespace).slice(0, mostObjects);
  return html`<h1>Configuration</h1>
    <nav class="files" aria-label="Namespaces">
      <ul>
        ${names.map(
          name =>
            html`<li>
              <a
                href="/config?namespace=${encodeURIComponent(name)}"
                ${name === namespace ? html`aria-current="true"` : undefined}
                >${name}</a
              >
            </li>`,
        )}
      </ul>
    </nav>
    ${section('config-maps', 'ConfigMaps', entries(list('configmaps'), 'ConfigMap', shownValue))}
    ${section(
      'secrets',
      'Secrets',
      entries(list('secrets'), 'Secret', () => hidden),
    )}
    ${section('deployments', 'Deployments', deployments(list('deployments')))}`;
}

function entries(objects: ApiObject[], kind: string, show: (key: string, value: string) => Html): Html {
  if (objects.length === 0) return html`<p class="empty">There is no ${kind} in this namespace.</p>`;
  return html`<div class="cards">
    ${objects.map(object => {
      const data = isRecord(object.data) ? Object.entries(object.data) : [];
      const { name, managedFields = [], creationTimestamp } = object.metadata;
      const changed = managedFields.map(entry => entry.time ?? '').reduce((a, b) => (a > b ? a : b), creationTimestamp);
      return html`<article aria-label="${kind} ${name}">
        <h3>${name}</h3>
        <p class="muted">
          changed
          ${time(changed)}${managedFields.length === 0 ? undefined : html` by ${[...new Set(managedFields.map(entry => entry.manager))].join(', ')}`}
        </p>
        ${table({
          caption: `${kind} ${name}`,
          columns: ['Key', 'Value'],
          empty: 'It has no keys.',
          rows: data
            .slice(0, mostKeys)
            .map(([key, value]) => [html`<code>${key}</code>`, show(key, typeof value === 'string' ? value : '')]),
        })}
      </article>`;
    })}
  </div>`;
}

const hidden = html`<span class="muted">hidden</span>`;

/** Words in the names of what is not to be seen. */
const secretName = /key|secret|token|passw|credential|connection.?string|sas|cert/i;
/** Whatever looks like a key: long, without the marks of an address or of words. */
const likeAKey = /[A-Za-z0-9+/_=-]{30,}/;
const mostCharacters = 300;

/** A ConfigMap is no place for secrets, but some keep them there: what may be one is not shown. */
function shownValue(key: string, value: string): Html {
  if (secretName.test(key)) return hidden;
  const address = URL.canParse(value) ? new URL(value) : undefined;
  if (address ? address.username !== '' || address.password !== '' || address.search !== '' : likeAKey.test(value))
    return hidden;
  return html`<code>${value.length > mostCharacters ? `${value.slice(0, mostCharacters)}…` : value}</code>`;
}

function deployments(objects: ApiObject[]): Html {
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  return table({
    caption: 'Deployments of this namespace',
    columns: ['Deployment', { heading: 'Ready', numeric: true }, { heading: 'Rollout', numeric: true }, 'Created'],
    empty: 'There is no Deployment in this namespace.',
    rows: objects.map(({ metadata, spec, status }) => [
      html`${metadata.name}`,
      html`${number(isRecord(status) ? status.readyReplicas : 0)} of ${number(isRecord(spec) ? spec.replicas : 1)}`,
      html`${metadata.annotations?.['deployment.kubernetes.io/revision'] ?? '–'}`,
      time(metadata.creationTimestamp),
    ]),
  });
}
