import type { Accounts } from '../access/accounts';
import type { ObjectStore } from '../objects/object-store';
import type { Registry } from '../objects/registry';
import type { EventRecorder } from './event-recorder';

/** What the controllers work with. */
export interface ControllerContext {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly events: EventRecorder;
  readonly accounts: Accounts;
  /** Certificate of the cluster's CA, PEM. */
  readonly ca: string;
  readonly log: (line: string) => void;
}
