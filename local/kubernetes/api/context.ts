import type { Accounts } from '../access/accounts';
import type { Authorization } from '../access/authorization';
import type { ObjectStore } from '../objects/object-store';
import type { Registry } from '../objects/registry';
import type { Schema } from '../objects/schema';
import type { PodLogs } from '../pods/pod-logs';

/** What the paths of the API work with. */
export interface ApiContext {
  readonly schema: Schema;
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly accounts: Accounts;
  readonly authorization: Authorization;
  readonly podLogs: PodLogs;
}
