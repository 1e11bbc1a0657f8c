import { relative } from 'node:path';

/** What `npm run local` says on standard error once everything listens. */
export function greeting(o: {
  pageUrl: string;
  stateDir: string;
  /** See shell-environment.ts. */
  environmentFile: string;
  requestLog?: string;
  /** Since the process began. */
  seconds: number;
}): string {
  const rows = [
    ['see it', o.pageUrl],
    [
      'point clients at it',
      `. ${short(o.environmentFile)}      for az, the Python SDK, mlflow, kubectl and Node.js, in a shell of its own`,
    ],
    ['sign in with az', 'az login --service-principal -u $AZURE_CLIENT_ID -p $AZURE_CLIENT_SECRET -t $AZURE_TENANT_ID'],
    ['state', short(o.stateDir)],
    ...(o.requestLog === undefined ? [] : [['requests', short(o.requestLog)]]),
    ['more', 'docs/LOCAL_AZURE.md'],
  ] as const;
  const lines = rows.map(([name = '', value = '']) => `  ${name.padEnd(21)}${value}`);
  return [`Local Azure and Kubernetes are ready after ${o.seconds.toFixed(1)} s, until Ctrl-C.`, ...lines].join('\n');
}

/** Relative to the current folder where that is shorter. */
function short(path: string): string {
  const near = relative('.', path);
  return near.length < path.length && !near.startsWith('..') ? near || '.' : path;
}
