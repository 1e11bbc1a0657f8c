/**
 * Azure DevOps' side of the frame that a tab lives in, run by the test's page: the SDK's own channel with the objects that the service
 * registers on it (host control and services), so that the handshake and the calls are those of the real page.
 */
import { channelManager } from '../../node_modules/azure-devops-extension-sdk/esm/XDM.js';

interface HostSetup {
  tab: string;
  collectionUri: string;
  token: string;
  project: string;
  build: number;
  theme: Record<string, string>;
}
type BuildHandler = (build: { id: number; project: { id: string } }) => void;

declare global {
  interface Window {
    /** What the tab told its host, in order. */
    told: string[];
    openTab(setup: HostSetup): void;
    changeBuild(): void;
  }
}

window.told = [];
window.openTab = setup => {
  const frame = document.createElement('iframe');
  frame.title = 'Guardian ML';
  frame.style.cssText = 'border:0;width:100%;height:100vh';
  frame.src = setup.tab;
  document.body.append(frame);
  const handlers: BuildHandler[] = [];
  const show = (handler: BuildHandler): void => handler({ id: setup.build, project: { id: setup.project } });
  window.changeBuild = () => handlers.forEach(show);
  if (!frame.contentWindow) throw new Error('The frame has no window.');
  const registry = channelManager.addChannel(frame.contentWindow, new URL(setup.tab).origin).getObjectRegistry();
  registry.register('DevOps.HostControl', {
    initialHandshake: () => {
      window.told.push('initialHandshake');
      const context = { extension: { id: 'guardian-ai.guardian-ai-mlops' }, user: {}, host: {}, pageContext: {} };
      const onBuildChanged = (handler: BuildHandler): void => {
        handlers.push(handler);
        show(handler);
      };
      return {
        contributionId: 'guardian-ai.guardian-ai-mlops.build-results-tab',
        context,
        initialConfig: { onBuildChanged },
        themeData: setup.theme,
      };
    },
    notifyLoadSucceeded: () => window.told.push('notifyLoadSucceeded'),
    notifyLoadFailed: () => window.told.push('notifyLoadFailed'),
    getAccessToken: () => ({ token: setup.token }),
  });
  registry.register('DevOps.ServiceManager', {
    getService: (id: string) => {
      window.told.push(id);
      return { getResourceAreaLocation: () => setup.collectionUri };
    },
  });
};
