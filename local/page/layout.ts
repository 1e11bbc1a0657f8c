import type { LocalDescription } from '../description';
import { html, type Html } from './html';

export interface PageContent {
  /** Of the document and its first heading. */
  title: string;
  /** Which section it belongs to. */
  section: string;
  content: Html;
}

const sections = [
  ['Overview', '/'],
  ['Jobs', '/jobs'],
  ['Models', '/models'],
  ['Endpoints', '/endpoints'],
  ['Configuration', '/config'],
  ['Computes', '/computes'],
  ['Requests', '/requests'],
] as const;

/** A whole document. */
export function document(page: PageContent, description: LocalDescription): string {
  const item = ([name, href]: readonly [string, string]): Html =>
    html`<li><a href="${href}" ${name === page.section ? current : undefined}>${name}</a></li>`;
  const body = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${page.title} · Local Azure</title>
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/page.css" />
        <script src="/page.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
          <a class="brand" href="/"><img src="/icon.svg" alt="" width="22" height="22" />Local Azure</a>
          <nav aria-label="Sections">
            <ul>
              ${sections.map(item)}
            </ul>
          </nav>
          <span id="live" role="status"></span>
        </header>
        <main id="content" tabindex="-1">${page.content}</main>
        <footer>
          <p>
            ${description.workspace} in ${description.resourceGroup}, ${description.region}. This page reads what runs
            on this machine, keeps itself up to date and changes nothing.
          </p>
        </footer>
      </body>
    </html>`;
  return body.text;
}

const current = html`aria-current="page"`;
