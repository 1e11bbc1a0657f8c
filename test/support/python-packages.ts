import { dirname, join } from 'node:path';
import type { PreparePython } from '../../local/azure/compute/python';
import { pinnedPython } from '../../local/python/pinned-python';
import { root } from '../../scripts/product';

/** `pinnedPython` in the cache that all tests share. */
export function pythonWith(requirementsFile: string): Promise<string> {
  return pinnedPython(requirementsFile, join(root, '.local/cache'));
}

/** Makes every job of a local Azure run with this Python, whatever its environment asks for. */
export function anyJobWith(python: string): PreparePython {
  return () => Promise.resolve({ python, binDir: dirname(python), reused: true });
}

/** How the official Python SDK is pointed at a local Azure, by its own settings; `home` keeps its files. */
export function sdkEnvironment({ arm, ca }: { arm: string; ca: string }, home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: home,
    PYTHONWARNINGS: 'ignore',
    REQUESTS_CA_BUNDLE: ca,
    ARM_CLOUD_METADATA_URL: `${arm}/metadata/endpoints?api-version=2019-05-01`,
    // A cloud that is none of Azure's own has no address of its registries in its metadata.
    REGISTRY_DISCOVERY_ENDPOINT_URL: `${arm}/`,
    // Blob storage: the client insists on https://{account}.blob.core.windows.net, where local Azure is the proxy to its own.
    HTTPS_PROXY: arm,
    NO_PROXY: '127.0.0.1',
  };
}
