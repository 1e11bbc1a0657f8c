import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { parseDocument, visit } from 'yaml';
import type { Connection, Surroundings } from './connection';
import { UsageError } from './usage-error';

/** Fields of a kubeconfig that name files; kubectl takes them from the kubeconfig's own folder. */
const fileFields = new Set(['certificate-authority', 'client-certificate', 'client-key', 'tokenFile']);

/** The caller's kubeconfig, KUBECONFIG or ~/.kube/config as for kubectl, as the service connection that a task takes. */
export function kubernetesLogin(context: string | undefined, { env, cwd, home }: Surroundings): Connection {
  const files = (env['KUBECONFIG'] ?? '').split(delimiter).filter(file => file !== '');
  if (files.length > 1)
    throw new UsageError(
      'KUBECONFIG names several files. Merge them first: kubectl config view --flatten > FILE, then KUBECONFIG=FILE.',
    );
  const file = resolve(cwd, files[0] ?? join(home, '.kube', 'config'));
  if (!existsSync(file)) throw new UsageError(`There is no kubeconfig ${file}. Set KUBECONFIG to yours.`);
  const document = parseDocument(readFileSync(file, 'utf8'));
  visit(document, {
    Pair: (_, { key, value }) => {
      const [name, path] = [key, value].map(node => (node as { value?: unknown } | null)?.value);
      if (fileFields.has(String(name)) && typeof path === 'string' && path !== '' && !isAbsolute(path))
        (value as { value: string }).value = resolve(dirname(file), path);
    },
  });
  return {
    id: 'd4b9f6c3-2e7a-4b58-8a13-7c5e0f9d2b02',
    // The task reads the server from the kubeconfig; a connection has an address all the same.
    url: 'https://kubernetes.invalid',
    scheme: 'Kubernetes',
    parameters: { kubeconfig: document.toString(), ...(context === undefined ? {} : { clusterContext: context }) },
    data: { authorizationType: 'Kubeconfig' },
  };
}
