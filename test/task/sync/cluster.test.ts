import { describeAccess } from './access-contract';
import { describeConsumers } from './consumer-contract';
import { describeContent } from './content-contract';
import { describeInterruptions } from './interruption-contract';
import { SyncCluster } from './sync-cluster';

/**
 * What SyncK8sConfigMap promises, held against local Kubernetes, or with KUBECONFIG against any cluster on which the
 * kubeconfig may create namespaces (`npm run test:cluster`).
 */
describe('SyncK8sConfigMap on a cluster', function () {
  this.timeout(120_000);
  let cluster: SyncCluster;
  before(async () => (cluster = await SyncCluster.open()));
  after(() => cluster.close());

  describeContent(() => cluster);
  describeConsumers(() => cluster);
  describeInterruptions(() => cluster);
  describeAccess(() => cluster);
});
