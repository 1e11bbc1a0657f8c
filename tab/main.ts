import * as SDK from 'azure-devops-extension-sdk';
import { loadReports, type BuildPlace } from './attachments';
import { element } from './element';
import { failureView, reportsView } from './views';

/** What the page of a build's results passes to its tabs (IBuildResultsViewExtensionConfig, IBuild of azure-devops-extension-api). */
interface ResultsConfiguration {
  onBuildChanged(handler: (build: { id: number; project: { id: string } }) => void): void;
}

/** ILocationService of azure-devops-extension-api. */
interface LocationService {
  getResourceAreaLocation(areaId: string): Promise<string>;
}

/** The area `build` of the REST API, by the id that the official clients ask for. */
const buildArea = '965220d5-5bb9-42cf-8d67-9b146df2a5a4';

async function start(main: HTMLElement): Promise<void> {
  // The host shows its own spinner until it is told, and a theme comes with the handshake.
  await SDK.init({ loaded: false, applyTheme: true });
  const locations = await SDK.getService<LocationService>('ms.vss-features.location-service');
  const collectionUri = await locations.getResourceAreaLocation(buildArea);
  let latest = 0;
  const show = async (build: { id: number; project: { id: string } }): Promise<void> => {
    const mine = ++latest;
    const place: BuildPlace = { collectionUri, project: build.project.id, build: build.id };
    let view: Node;
    try {
      view = reportsView(await loadReports(place, () => SDK.getAccessToken()));
    } catch (error) {
      view = failureView(error, () => void show(build));
    }
    // The build went on while this was loading.
    if (mine === latest) replaceView(main, view);
  };
  (SDK.getConfiguration() as ResultsConfiguration).onBuildChanged(build => void show(build));
  await SDK.notifyLoadSucceeded();
}

/** A running build changes often: whoever reads with the keyboard stays where they are, and what they opened stays open. */
function replaceView(main: HTMLElement, view: Node): void {
  const open = new Set([...main.querySelectorAll('details[open]')].map(one => one.id));
  const focused = document.activeElement?.id;
  main.replaceChildren(view);
  for (const one of main.querySelectorAll('details')) one.open = open.has(one.id);
  if (focused) document.getElementById(focused)?.focus();
}

const main = document.getElementById('main') ?? document.body.appendChild(element('main', { id: 'main' }));
start(main).catch((error: unknown) => {
  main.replaceChildren(failureView(error, () => location.reload()));
  void SDK.notifyLoadSucceeded();
});
