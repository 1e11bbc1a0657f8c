import type { Plane } from './request-record';

/** First segment of a path and the plane that it belongs to. */
const planes: Record<string, Plane> = {
  subscriptions: 'arm',
  providers: 'arm',
  history: 'history',
  artifact: 'history',
  environment: 'history',
  metric: 'metric',
  mlflow: 'mlflow',
  inference: 'scoring',
  discovery: 'discovery',
  _devops: 'devops',
  _local: 'local',
  common: 'directory',
  organizations: 'directory',
};

/** Which part of the one https server a path goes to. */
export function planeOf(path: string): Plane {
  const [first = '', second = ''] = path.toLowerCase().split('/').filter(Boolean);
  if (first === 'metadata') return second === 'identity' ? 'directory' : 'discovery';
  // Sign-in paths begin with the tenant.
  if (second === 'oauth2' || second === 'discovery' || second === '.well-known' || second === 'v2.0') {
    return planes[first] ?? 'directory';
  }
  return planes[first] ?? 'other';
}

/**
 * Method and route of a request, below the workspace where it has one: `PUT onlineEndpoints/{endpoint}/deployments/{deployment}`.
 * `route` is the pattern that was matched, with `:name` for parts that vary; without one the path stands for itself.
 */
export function operationOf(method: string, path: string, route: string | undefined): string {
  return `${method} ${belowWorkspace(route ?? path).replace(/:(\w+)(\([^)]*\))?/g, '{$1}')}`;
}

/** The part of a path behind the workspace's name, or the whole path without its first slash. */
export function belowWorkspace(path: string): string {
  const [, below] = /\/workspaces\/[^/]+\/?(.*)$/i.exec(path) ?? [];
  return below ?? path.replace(/^\/+/, '');
}

/** A blob's path by its parts: `{container}/{blob}`, `{container}`, or nothing for the account. Paths begin with the account. */
export function belowAccount(path: string): string {
  const [, container, ...blob] = path.split('/').filter(Boolean);
  return container === undefined ? '' : blob.length === 0 ? '{container}' : '{container}/{blob}';
}
