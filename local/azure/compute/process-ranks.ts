import type { CommandRequest } from '../jobs/job-request';

/** One process of a job: which node it runs on, and the variables that tell it its part. */
export interface ProcessRank {
  node: number;
  rank: number;
  environment: Record<string, string>;
  /** Path of its log among the job's artifacts. */
  log: string;
}

/** What the processes of a job need to find each other: all nodes are this machine. */
export interface Meeting {
  host: string;
  /** One free port a process; the first is the main one. */
  ports: number[];
}

/** How many processes a job has. */
export function processCount({ distribution, resources }: CommandRequest): number {
  if (!distribution) return 1;
  if (distribution.distributionType === 'TensorFlow')
    return (distribution.workerCount ?? 1) + (distribution.parameterServerCount ?? 0);
  return resources.instanceCount * (distribution.processCountPerInstance ?? 1);
}

/**
 * The processes of a job, by rank. Variables of PyTorch and MPI: docs, how-to-train-distributed-gpu; of TensorFlow: its TF_CONFIG.
 * A job without a distribution is one process on its first node.
 */
export function processRanks(request: CommandRequest, { host, ports }: Meeting): ProcessRank[] {
  const { distribution, resources } = request;
  const count = processCount(request);
  if (!distribution) return [{ node: 0, rank: 0, environment: {}, log: 'user_logs/std_log.txt' }];
  const nodes = resources.instanceCount;
  const main = { MASTER_ADDR: host, MASTER_PORT: String(ports[0] ?? 0) };
  const logOf = (rank: number): string =>
    `user_logs/std_log_process_${String(rank).padStart(String(count - 1).length, '0')}.txt`;
  const ranks = Array.from({ length: count }, (_unused, rank) => rank);
  if (distribution.distributionType === 'TensorFlow') {
    const workers = distribution.workerCount ?? 1;
    const address = (rank: number): string => `${host}:${ports[rank] ?? 0}`;
    const servers = ranks.slice(workers).map(address);
    const cluster = { worker: ranks.slice(0, workers).map(address), ...(servers.length === 0 ? {} : { ps: servers }) };
    return ranks.map(rank => ({
      node: rank % nodes,
      rank,
      environment: {
        TF_CONFIG: JSON.stringify({
          cluster,
          task: rank < workers ? { type: 'worker', index: rank } : { type: 'ps', index: rank - workers },
          environment: 'cloud',
        }),
      },
      log: logOf(rank),
    }));
  }
  const perNode = distribution.processCountPerInstance ?? 1;
  return ranks.map(rank => {
    const node = Math.floor(rank / perNode);
    const local = rank % perNode;
    const environment =
      distribution.distributionType === 'PyTorch'
        ? {
            ...main,
            WORLD_SIZE: String(count),
            RANK: String(rank),
            LOCAL_RANK: String(local),
            LOCAL_WORLD_SIZE: String(perNode),
            NODE_RANK: String(node),
          }
        : {
            ...main,
            AZ_BATCH_MASTER_NODE: `${host}:${ports[0] ?? 0}`,
            OMPI_COMM_WORLD_SIZE: String(count),
            OMPI_COMM_WORLD_RANK: String(rank),
            OMPI_COMM_WORLD_LOCAL_SIZE: String(perNode),
            OMPI_COMM_WORLD_LOCAL_RANK: String(local),
            OMPI_COMM_WORLD_NODE_RANK: String(local),
            OMPI_UNIVERSE_SIZE: String(count),
          };
    return { node, rank, environment, log: logOf(rank) };
  });
}
