import { createHash } from 'node:crypto';
import type { Workspace } from './workspace';

export interface ComponentVersion {
  /** The component as its YAML file would have it, with ARM ids for code and environment. */
  readonly componentSpec: Readonly<Record<string, unknown>>;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Makes a component of one job alone, as `az ml` does for the steps of a pipeline, and returns its ARM id. The version is the
 * content's hash, so that an equal step is the same component, whose earlier results the service may reuse.
 */
export async function anonymousComponent(workspace: Workspace, component: ComponentVersion): Promise<string> {
  const properties = { ...component, isAnonymous: true, isArchived: false, properties: {} };
  const version = createHash('sha256').update(JSON.stringify(properties)).digest('hex').slice(0, 32);
  const { body } = await workspace.send({
    method: 'PUT',
    path: `/components/azureml_anonymous/versions/${version}`,
    apiVersion: '2023-10-01',
    body: { properties },
    doing: 'create the component of a pipeline step',
  });
  return (body as { id: string }).id;
}
