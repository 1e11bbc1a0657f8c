import { html, pathOf, type Html } from './html';

/** A column of a table: its heading, and whether it holds numbers. */
export type Column = string | { heading: string; numeric: true };

/** A table with a caption for those who cannot see where it stands; `empty` stands in for it when it has no rows. */
export function table(o: { caption: string; columns: Column[]; rows: Html[][]; empty: string }): Html {
  if (o.rows.length === 0) return html`<p class="empty">${o.empty}</p>`;
  const columns = o.columns.map(column =>
    typeof column === 'string' ? { heading: column, kind: 'text' } : { heading: column.heading, kind: 'number' },
  );
  // The first cell of a row says what the row is about.
  const row = ([first, ...others]: Html[]): Html =>
    html`<tr>
      <th scope="row">${first}</th>
      ${others.map((cell, index) => html`<td class="${columns[index + 1]?.kind}">${cell}</td>`)}
    </tr>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${o.caption}">
    <table>
      <caption>
        ${o.caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(({ heading, kind }) => html`<th scope="col" class="${kind}">${heading}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${o.rows.map(row)}
      </tbody>
    </table>
  </div>`;
}

/** Names and values; what has no value is left out. */
export function facts(pairs: readonly (readonly [name: string, value: Html | string | undefined])[]): Html {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== '');
  return html`<dl class="facts">
    ${shown.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** Tags and the like, as small pairs. */
export function pairs(map: Readonly<Record<string, string>>): Html | undefined {
  const entries = Object.entries(map);
  if (entries.length === 0) return undefined;
  return html`<ul class="pairs">
    ${entries.map(([name, value]) => html`<li><span>${name}</span> ${value}</li>`)}
  </ul>`;
}

/** A section with its heading. */
export function section(id: string, heading: string, content: Html | (Html | undefined)[], aside?: Html): Html {
  return html`<section aria-labelledby="${id}">
    <div class="heading">
      <h2 id="${id}">${heading}</h2>
      ${aside}
    </div>
    ${content}
  </section>`;
}

/** A time; the script shows how long ago it was. */
export function time(iso: string | undefined): Html {
  if (iso === undefined) return html`<span class="muted">–</span>`;
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`;
}

/** How long something took, or takes since: the script counts on while there is no end. */
export function duration(start: string | undefined, end: string | undefined): Html {
  if (start === undefined) return html`<span class="muted">–</span>`;
  if (end === undefined) return html`<span data-since="${start}">under way</span>`;
  return html`${durationText(Date.parse(end) - Date.parse(start))}`;
}

function durationText(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const tones: Record<string, string> = {
  Completed: 'good',
  Succeeded: 'good',
  Finished: 'good',
  Failed: 'bad',
  Canceled: 'still',
  NotStarted: 'still',
  Stopped: 'still',
};

/** A state, told by its word and its form, not by colour alone. */
export function state(name: string): Html {
  return html`<span class="state ${tones[name] ?? 'busy'}">${name}</span>`;
}

/** The way to the next page of a list. */
export function more(href: string | undefined, label: string): Html | undefined {
  return href === undefined ? undefined : html`<p class="more"><a href="${href}" rel="next">${label}</a></p>`;
}

/** Where one is: the sections above this page. */
export function trail(...steps: [name: string, href: string][]): Html {
  return html`<nav class="trail" aria-label="Breadcrumb">
    <ol>
      ${steps.map(([name, href]) => html`<li><a href="${href}">${name}</a></li>`)}
    </ol>
  </nav>`;
}

export function link(name: string, ...segments: string[]): Html {
  return html`<a href="${pathOf(...segments)}">${name}</a>`;
}

/** A number with the digits that matter; exact values stand in the table beside each curve. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
