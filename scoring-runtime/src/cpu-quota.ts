import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Processors that this process may keep busy: those it may run on, or fewer where the container's quota is less. More
 * threads than that are throttled by the kernel and make every answer slower.
 */
export function availableCpus(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(cgroupQuota())));
}

/** Processors by the cgroup, version 2 or 1; Infinity where there is no limit, or no cgroup. */
function cgroupQuota(): number {
  const [quota, period] = read('/sys/fs/cgroup/cpu.max')?.split(' ').map(Number) ?? [
    Number(read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')),
    Number(read('/sys/fs/cgroup/cpu/cpu.cfs_period_us')),
  ];
  // Version 2 says "max", version 1 says -1 for no limit.
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : Infinity;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
