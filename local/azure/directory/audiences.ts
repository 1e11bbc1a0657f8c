/** The parts of Azure that take bearer tokens, each its own audiences. */
export type TokenPlane = 'arm' | 'workspace' | 'scoring' | 'storage' | 'monitor' | 'kubernetes';

/** Audience of the token that a job's process carries; good for run history and MLflow only. */
export const jobAudience = 'azureml-run';
const azureMl = ['https://ml.azure.com', 'https://ml.azure.com/'];
const monitor = ['https://metrics.monitor.azure.com', 'https://metrics.monitor.azure.com/'];
const storage = ['https://storage.azure.com', 'https://storage.azure.com/'];
/** The AKS server application, in every tenant the same. https://azure.github.io/kubelogin/concepts/aks.html */
const aks = ['6dae42f8-4368-4678-94ff-3960e28e3630'];
const publicArm = [
  'https://management.azure.com',
  'https://management.azure.com/',
  'https://management.core.windows.net',
  'https://management.core.windows.net/',
];

/** The audiences of which a plane takes tokens; `here` is this server's URL, which stands for Resource Manager as well. */
export function audiencesOf(plane: TokenPlane, here: string): string[] {
  const arm = [here, `${here}/`, ...publicArm];
  switch (plane) {
    case 'arm':
      return arm;
    case 'workspace':
      return [...arm, ...azureMl, jobAudience];
    case 'scoring':
      return azureMl;
    case 'storage':
      return storage;
    case 'monitor':
      return [...arm, ...monitor];
    case 'kubernetes':
      return aks;
  }
}

/** Whether the tenant gives out tokens for that resource. */
export function isKnownAudience(resource: string, here: string): boolean {
  return [here, `${here}/`, ...publicArm, ...azureMl, ...storage, ...monitor, ...aks].includes(resource);
}
