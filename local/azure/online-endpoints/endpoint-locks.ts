import { ArmError } from '../arm/arm-error';

/** One operation at a time on an endpoint and its deployments: the service refuses a second one. */
export class EndpointLocks {
  private readonly taken = new Set<string>();

  /** @returns what gives the endpoint free again; harmless the second time. @throws ArmError 409 */
  take(endpoint: string): () => void {
    const key = endpoint.toLowerCase();
    if (this.taken.has(key)) {
      throw new ArmError(
        409,
        'Conflict',
        `Another operation is in progress on the online endpoint ${endpoint}. Try again when it has ended.`,
        { innerCode: 'ConflictError' },
      );
    }
    this.taken.add(key);
    let held = true;
    return () => {
      if (held) this.taken.delete(key);
      held = false;
    };
  }
}
