import { freePort } from '../../free-port';
import { start, type Child, type ChildExit } from '../../processes';
import type { CommandRequest } from '../jobs/job-request';
import type { JobLog } from './job-log';
import { processCount, processRanks, type ProcessRank } from './process-ranks';

/** SIGTERM to SIGKILL when a job is canceled. */
const cancelGraceMilliseconds = 3000;

/** How the processes of a job ended: the exit of the first that failed, else of the last one. */
export interface ProcessesEnd {
  exit: ChildExit;
  timedOut: boolean;
  /** Log of the process whose exit it is, and its path among the artifacts. */
  log: JobLog;
  logPath: string;
}

/**
 * Runs a command once for every process of the job and waits for all of them. When one fails, when `signal` is aborted or the time is over,
 * the others are ended with everything they started.
 */
export async function runProcesses(o: {
  request: CommandRequest;
  command: string;
  environment: Record<string, string>;
  /** Working folder of each node. */
  work: string[];
  timeoutSeconds: number | undefined;
  signal: AbortSignal;
  openLog: (path: string) => JobLog;
}): Promise<ProcessesEnd> {
  const ports = o.request.distribution
    ? await Promise.all(Array.from({ length: processCount(o.request) }, freePort))
    : [];
  const ranks = processRanks(o.request, { host: '127.0.0.1', ports });
  const children: Child[] = [];
  const logs = ranks.map(({ log }) => o.openLog(log));
  const endAll = (): Promise<unknown> => Promise.all(children.map(child => child.kill(cancelGraceMilliseconds)));
  let timedOut = false;
  const timer =
    o.timeoutSeconds === undefined
      ? undefined
      : setTimeout(
          () => {
            timedOut = true;
            void endAll();
          },
          // Longer than setTimeout can wait would fire at once.
          Math.min(o.timeoutSeconds * 1000, 2 ** 31 - 1),
        );
  const onAbort = (): void => void endAll();
  o.signal.addEventListener('abort', onAbort, { once: true });
  let first: { exit: ChildExit; index: number } | undefined;
  try {
    for (const [index, rank] of ranks.entries()) {
      const child = startProcess(o, rank);
      children.push(child);
      const log = logs[index];
      if (log) follow(child, log);
    }
    if (o.signal.aborted) void endAll();
    await Promise.all(
      children.map(async (child, index) => {
        const exit = await child.exit;
        if (exit.code === 0) return;
        first ??= { exit, index };
        await endAll();
      }),
    );
  } finally {
    clearTimeout(timer);
    o.signal.removeEventListener('abort', onAbort);
    await endAll();
    await Promise.all(logs.map(log => log.close()));
  }
  const { exit, index } = first ?? { exit: { code: 0, signal: null }, index: 0 };
  return { exit, timedOut, log: logs[index] as JobLog, logPath: ranks[index]?.log ?? '' };
}

function startProcess(o: Parameters<typeof runProcesses>[0], rank: ProcessRank): Child {
  const nodeId = `tvmps_${String(rank.node).padStart(4, '0')}`;
  return start('bash', ['-c', o.command], {
    cwd: o.work[rank.node] ?? o.work[0] ?? '.',
    env: { ...o.environment, AZ_BATCH_NODE_ID: nodeId, AZUREML_PROCESS_NAME: `rank_${rank.rank}`, ...rank.environment },
    endWithParent: true,
  });
}

/** Both streams into one log, in the order in which they arrive. A program that writes faster than the storage takes it has to wait. */
function follow(child: Child, log: JobLog): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log.write(chunk);
      if (!log.isFull) return;
      stream.pause();
      void log.drained().then(() => stream.resume());
    });
  }
}
