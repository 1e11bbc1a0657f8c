import assert from 'node:assert/strict';
import { JobFixture } from './job-fixture';

describe('local Azure: distributed jobs', () => {
  let jobs: JobFixture;
  before(async () => {
    jobs = await JobFixture.start();
  });
  after(() => jobs.end());

  const logs = async (name: string): Promise<Record<string, string>> => {
    const { logFiles } = await jobs.run(name);
    const paths = Object.keys(logFiles).filter(path => path.startsWith('user_logs/'));
    return Object.fromEntries(await Promise.all(paths.map(async path => [path, await jobs.log(name, path)] as const)));
  };

  it('runs PyTorch as one process a rank on every node, each with a log of its own', async () => {
    await jobs.submit(
      'pytorch',
      jobs.command(
        'echo "$RANK/$WORLD_SIZE node $NODE_RANK local $LOCAL_RANK"; [ -n "$MASTER_ADDR" ] && [ "$MASTER_PORT" -gt 0 ] && echo "$PWD" > outputs/rank-$RANK',
        {
          resources: { instanceCount: 2 },
          distribution: { distributionType: 'PyTorch', processCountPerInstance: 2 },
        },
      ),
    );
    assert.equal((await jobs.ended('pytorch')).status, 'Completed');
    assert.deepEqual(await logs('pytorch'), {
      'user_logs/std_log_process_0.txt': '0/4 node 0 local 0\n',
      'user_logs/std_log_process_1.txt': '1/4 node 0 local 1\n',
      'user_logs/std_log_process_2.txt': '2/4 node 1 local 0\n',
      'user_logs/std_log_process_3.txt': '3/4 node 1 local 1\n',
    });
    // Each node has a working folder of its own, and what was written on any of them is kept.
    const folders = await Promise.all(
      [0, 1, 2, 3].map(async rank => {
        const path = `/runs/pytorch/artifacts/contentinfo?path=outputs/rank-${rank}`;
        const { contentUri } = (await jobs.history('GET', path)).json as { contentUri: string };
        return (await jobs.azure.call('GET', contentUri)).text.trim();
      }),
    );
    assert.equal(new Set(folders).size, 2);
    assert.equal(folders[0], folders[1]);
  });

  it("gives MPI's processes their ranks", async () => {
    await jobs.submit(
      'mpi',
      jobs.command(
        'echo $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE, $OMPI_COMM_WORLD_LOCAL_RANK here, $AZUREML_NODE_COUNT nodes',
        {
          resources: { instanceCount: 2 },
          distribution: { distributionType: 'Mpi', processCountPerInstance: 1 },
        },
      ),
    );
    assert.equal((await jobs.ended('mpi')).status, 'Completed');
    assert.deepEqual(Object.values(await logs('mpi')), ['0 of 2, 0 here, 2 nodes\n', '1 of 2, 0 here, 2 nodes\n']);
  });

  it('describes the cluster to TensorFlow', async () => {
    await jobs.submit(
      'tensorflow',
      jobs.command('echo "$TF_CONFIG"', {
        distribution: { distributionType: 'TensorFlow', workerCount: 2, parameterServerCount: 1 },
      }),
    );
    assert.equal((await jobs.ended('tensorflow')).status, 'Completed');
    const configs = Object.values(await logs('tensorflow')).map(
      text => JSON.parse(text) as { cluster: Record<string, string[]>; task: { type: string; index: number } },
    );
    assert.deepEqual(
      configs.map(({ task }) => `${task.type} ${task.index}`),
      ['worker 0', 'worker 1', 'ps 0'],
    );
    assert.deepEqual(
      configs.map(({ cluster }) => [cluster.worker?.length, cluster.ps?.length]),
      [
        [2, 1],
        [2, 1],
        [2, 1],
      ],
    );
  });

  it('ends all processes when one fails, and says which', async () => {
    await jobs.submit(
      'one-fails',
      jobs.command('if [ "$RANK" = 1 ]; then echo out of memory >&2; exit 3; fi; sleep 600', {
        distribution: { distributionType: 'PyTorch', processCountPerInstance: 3 },
      }),
    );
    const { status, error } = await jobs.ended('one-fails');
    assert.equal(status, 'Failed');
    assert.match(error?.error.message ?? '', /exited with status code 3\..*std_log_process_1\.txt.*out of memory/s);
    assert.equal(error?.error.messageParameters.StatusCode, '3');
  });

  it('fails a job that asks for more nodes than its compute can have', async () => {
    await jobs.submit('too-many-nodes', jobs.command('true', { resources: { instanceCount: 3 } }));
    const { status, error } = await jobs.ended('too-many-nodes');
    assert.equal(status, 'Failed');
    assert.match(error?.error.message ?? '', /asks for 3 nodes, but the compute has at most 2/);
  });
});
