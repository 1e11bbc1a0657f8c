import type { Metric } from '../azure/tracking/run-store';
import { shortNumber } from './elements';
import { html, type Html } from './html';

const width = 320;
const height = 120;
const edge = 6;
/** More points than these cannot be told apart at this width. */
const mostPoints = 400;
const mostRows = 200;

/**
 * The curve of one metric: over its steps when it has several, else over time. The numbers stand in a table below it, for those who want them
 * exact and for those who cannot see the curve.
 */
export function metricChart(name: string, history: Metric[]): Html {
  const last = history.at(-1);
  if (!last) return html``;
  const finite = history.filter(({ value }) => Number.isFinite(value));
  const values = finite.map(({ value }) => value);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const range = finite.length === 0 ? '' : `, lowest ${shortNumber(low)}, highest ${shortNumber(high)}`;
  return html`<figure class="metric" data-points="${history.length}">
    <figcaption><span>${name}</span> <strong>${shortNumber(last.value)}</strong></figcaption>
    <svg
      viewBox="0 0 ${width} ${height}"
      role="img"
      aria-label="${name}: ${history.length} values, last ${shortNumber(last.value)}${range}"
    >
      ${curve(thinned(finite), low, high)}
    </svg>
    <p class="axis">
      <span>${finite.length === 0 ? 'no finite value' : `${shortNumber(low)} to ${shortNumber(high)}`}</span
      ><span>${steps(history)}</span>
    </p>
    <details>
      <summary>Values<span class="unseen"> of ${name}</span></summary>
      ${valueTable(name, history)}
    </details>
  </figure>`;
}

function curve(points: Metric[], low: number, high: number): Html {
  const byStep = points.at(-1)?.step !== points[0]?.step;
  const at = ({ step, timestamp }: Metric): number => (byStep ? step : timestamp);
  const from = points.reduce((a, point) => Math.min(a, at(point)), Infinity);
  const to = points.reduce((a, point) => Math.max(a, at(point)), -Infinity);
  const x = (point: Metric): number =>
    to === from ? width / 2 : edge + ((at(point) - from) / (to - from)) * (width - 2 * edge);
  const y = ({ value }: Metric): number =>
    high === low ? height / 2 : height - edge - ((value - low) / (high - low)) * (height - 2 * edge);
  const places = points.map(point => `${x(point).toFixed(1)},${y(point).toFixed(1)}`);
  const end = points.at(-1);
  if (!end) return html``;
  return html`<line class="base" x1="0" y1="${height - 0.5}" x2="${width}" y2="${height - 0.5}" />
    <polyline points="${places.join(' ')}" /><circle cx="${x(end).toFixed(1)}" cy="${y(end).toFixed(1)}" r="3.5" />`;
}

/** Evenly picked, first and last kept. */
function thinned(points: Metric[]): Metric[] {
  if (points.length <= mostPoints) return points;
  const stride = (points.length - 1) / (mostPoints - 1);
  return Array.from({ length: mostPoints }, (_, index) => points[Math.round(index * stride)]).filter(
    point => point !== undefined,
  );
}

function steps(history: Metric[]): string {
  const first = history[0]?.step ?? 0;
  const last = history.at(-1)?.step ?? 0;
  return first === last ? `step ${last}` : `steps ${first} to ${last}`;
}

function valueTable(name: string, history: Metric[]): Html {
  const rows = history.slice(-mostRows);
  const caption =
    rows.length < history.length ? `Last ${rows.length} of ${history.length} values of ${name}` : `Values of ${name}`;
  return html`<div class="scroll short" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col" class="number">step</th>
          <th scope="col" class="number">value</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ step, value }) =>
            html`<tr>
              <th scope="row" class="number">${step}</th>
              <td class="number">${value}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
