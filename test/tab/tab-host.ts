import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Frame, Page } from 'playwright-core';
import { root, stage } from '../../scripts/product';
import { open } from '../local/page/browser';

/** Which build the tab is opened for, and where. */
export interface TabPlace {
  collectionUri: string;
  token: string;
  project: string;
  build: number;
}

/** Variables of the themes "Light" and "Dark" of Azure DevOps, those that the tab uses. */
export const themes = {
  light: {
    'background-color': 'rgba(255, 255, 255, 1)',
    'text-primary-color': 'rgba(0, 0, 0, .9)',
    'text-secondary-color': 'rgba(0, 0, 0, .55)',
    'communication-foreground': 'rgba(0, 90, 158, 1)',
  },
  dark: {
    'background-color': 'rgba(32, 31, 30, 1)',
    'text-primary-color': 'rgba(255, 255, 255, .9)',
    'text-secondary-color': 'rgba(255, 255, 255, .7)',
    'communication-foreground': 'rgba(108, 184, 246, 1)',
  },
} as const;

/** Serves the built tab as the Marketplace does, and a page of its host from another origin, in which it is opened. */
export class TabHost {
  private constructor(
    private readonly servers: readonly [page: Server, tab: Server],
    private readonly browser: Browser,
  ) {}

  static async start(browser: Browser): Promise<TabHost> {
    const script = await build({
      entryPoints: [join(root, 'test/tab/host-page.ts')],
      bundle: true,
      write: false,
      format: 'iife',
      logLevel: 'warning',
    });
    const page = `<!doctype html><html lang="en"><head><title>Results</title></head><body style="margin:0"><script>${script.outputFiles[0]?.text ?? ''}</script></body></html>`;
    const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
    const servers = await Promise.all([
      listen(() => ({ type: 'text/html', body: page })),
      listen(path => ({ type: types[extname(path)] ?? 'text/plain', body: readFileSync(join(stage, 'tab', path)) })),
    ]);
    return new TabHost(servers, browser);
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map(server => new Promise(done => server.close(done))));
  }

  /** @returns the host's page and the tab's frame, once it says that it is loaded and the first view is there */
  async open(
    place: TabPlace,
    theme: keyof typeof themes = 'light',
    viewport = { width: 1280, height: 900 },
  ): Promise<{ page: Page; tab: Frame; problems: string[] }> {
    const [hostUrl, tabUrl] = this.servers.map(server => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const { page, problems } = await open(this.browser, `${hostUrl ?? ''}/`, { ignoreHTTPSErrors: true, viewport });
    const setup = { ...place, tab: `${tabUrl ?? ''}/index.html`, theme: themes[theme] };
    await page.evaluate(given => (globalThis as unknown as { openTab(o: typeof given): void }).openTab(given), setup);
    const frame = await (await page.waitForSelector('iframe')).contentFrame();
    if (!frame) throw new Error('The page has no frame.');
    await frame.waitForSelector('h1');
    return { page, tab: frame, problems };
  }
}

async function listen(answer: (path: string) => { type: string; body: string | Buffer }): Promise<Server> {
  const server = createServer((request, response) => {
    try {
      const { type, body } = answer(new URL(request.url ?? '/', 'http://localhost').pathname.slice(1));
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  return server;
}
