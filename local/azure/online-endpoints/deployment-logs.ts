import { join } from 'node:path';
import { ContainerLog } from './container-log';

export type LoggedContainer = 'inferenceServer' | 'storageInitializer';

/** What a deployment's containers have said, and how far their start has come. */
export class DeploymentLogs {
  readonly inferenceServer: ContainerLog;
  readonly storageInitializer: ContainerLog;
  /** The steps of a start, as the service lists them. */
  status: string[] = [];

  /** `folder` is the deployment's own. */
  constructor(folder: string) {
    this.inferenceServer = new ContainerLog(join(folder, 'inference-server.log'));
    this.storageInitializer = new ContainerLog(join(folder, 'storage-initializer.log'));
  }

  /** The text of getLogs: status, events and the last lines of a container. */
  text(container: LoggedContainer, tail: number, readyInstances: number): string {
    const log = this[container];
    if (log.tail(1).length === 0) return 'No container has started yet; try again later.';
    return [
      'Instance status:',
      ...this.status,
      '',
      'Container events:',
      `Ready instances: ${readyInstances}`,
      '',
      'Container logs:',
      ...log.tail(tail),
    ].join('\n');
  }
}
