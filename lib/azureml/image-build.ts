import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { pollDelay } from './online-operation';
import { blobReader, LogReader, type ReadFrom } from './run-history';
import type { Workspace } from './workspace';

export interface EnvironmentVersion {
  readonly name: string;
  readonly version: string;
}

interface ImageDetails {
  readonly imageExistsInRegistry?: boolean;
  readonly dockerImage?: {
    readonly name?: string;
    readonly registry?: { readonly address?: string | null } | null;
  } | null;
}

/** Of the environment service, which has no API of Resource Manager: as azureml-core's `Environment.build` and `get_image_details` use it. */
async function placeOf(workspace: Workspace, { name, version }: EnvironmentVersion, api: string): Promise<string> {
  const asset = `environments/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}`;
  return `${await workspace.apiUrl()}/environment/${api}${workspace.id}/${asset}/image`;
}

/** The image of an environment version as `registry/name`, when there is one; undefined while it has not been built. */
export async function builtImage(workspace: Workspace, environment: EnvironmentVersion): Promise<string | undefined> {
  const { body } = await workspace.send({
    method: 'GET',
    path: await placeOf(workspace, environment, 'v1.0'),
    apiVersion: '',
    doing: `look for the image of the environment ${environment.name}:${environment.version}`,
  });
  const { imageExistsInRegistry, dockerImage } = body as ImageDetails;
  if (imageExistsInRegistry !== true || !dockerImage?.name) return undefined;
  return [dockerImage.registry?.address, dockerImage.name].filter(Boolean).join('/');
}

/** The states in which azureml-core goes on waiting; every other one is an end. */
const underWay = ['running', 'gettingorprovisioningacr', 'queued', 'notstarted'];

/** Nothing is heard of a build that takes longer. */
const longestMinutes = 60;

/**
 * Has the image of an environment version built, and prints the build's log as it grows until it has ended. A build that is under way is joined by the
 * service. @throws TaskError when it fails
 */
export async function buildImage(workspace: Workspace, environment: EnvironmentVersion, host: TaskHost): Promise<void> {
  const title = `${environment.name}:${environment.version}`;
  const doing = `build the image of the environment ${title}`;
  const path = await placeOf(workspace, environment, 'v2.0');
  const { body } = await workspace.send({ method: 'POST', path, apiVersion: '', body: {}, doing });
  const { location } = body as { location: string };
  const started = host.clock.now().getTime();
  const log = new LogReader();
  const close = host.group(`Image build of ${title}`);
  try {
    let read: ReadFrom | undefined;
    for (let looks = 0; ; looks++) {
      const answer = await workspace.send({ method: 'GET', path: location, apiVersion: '', doing: `follow: ${doing}` });
      const { status = '', logUrl } = answer.body as { status?: string; logUrl?: string | null };
      if (logUrl) read ??= blobReader(logUrl, host);
      for (const line of read ? await log.read(read) : []) host.foreign(line);
      if (!underWay.includes(status.toLowerCase())) {
        for (const line of log.end()) host.foreign(line);
        if (status.toLowerCase() === 'succeeded') return;
        throw new TaskError(
          `Could not ${doing}: Azure reports ${status}. Read the build log above for the failing instruction; a package registry that the build cannot reach is the usual reason. Live traffic was not touched.`,
          { code: 'GuardianRefused' },
        );
      }
      if (host.clock.now().getTime() - started > longestMinutes * 60_000)
        throw new TaskError(`Could not ${doing}: it is still ${status} after ${longestMinutes} minutes.`, {
          code: 'GuardianTimeout',
        });
      await host.clock.sleep(pollDelay(looks), host.signal);
    }
  } finally {
    close();
  }
}
