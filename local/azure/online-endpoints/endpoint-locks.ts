import { ArmError } from '../arm/arm-error';
import { keyOf, type EndpointRecord, type DeploymentRecord } from './endpoint-store';

/** One operation at a time on an endpoint and its deployments: the service refuses a second one. */
export class EndpointLocks {
  private readonly taken = new Set<string>();

  /** @returns what gives the endpoint free again; harmless the second time. @throws ArmError 409 */
  take(endpoint: string): () => void {
    const release = this.tryTake(endpoint);
    if (release) return release;
    throw new ArmError(
      409,
      'Conflict',
      `Another operation is in progress on the online endpoint ${endpoint}. Try again when it has ended.`,
      { innerCode: 'ConflictError' },
    );
  }

  /** As `take`, but undefined where another operation is under way. */
  tryTake(endpoint: string): (() => void) | undefined {
    const key = keyOf(endpoint, '');
    if (this.taken.has(key)) return undefined;
    this.taken.add(key);
    let held = true;
    return () => {
      if (held) this.taken.delete(key);
      held = false;
    };
  }
}

/** Refuses what needs a resource that has come into being. @throws ArmError 409 ResourceNotReady */
export function requireReady(what: string, { name, provisioningState }: EndpointRecord | DeploymentRecord): void {
  if (provisioningState !== 'Creating' && provisioningState !== 'Deleting') return;
  throw new ArmError(
    409,
    'ResourceNotReady',
    `The ${what} ${name} is ${provisioningState}. Try again when that has ended.`,
    { innerCode: 'ResourceNotReady' },
  );
}
