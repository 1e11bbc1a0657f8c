import { readdir, readFile } from 'node:fs/promises';

export interface GroupUsage {
  cpuSeconds: number;
  residentBytes: number;
}

/** Linux's unit of process times, the same on every machine that Node.js runs on. */
const ticksPerSecond = 100;
const pageBytes = 4096;

/** What the processes of these groups have used so far; empty where there is no /proc. Source: proc(5), /proc/[pid]/stat. */
export async function usageOfGroups(groups: ReadonlySet<number>): Promise<Map<number, GroupUsage>> {
  const usage = new Map<number, GroupUsage>();
  if (groups.size === 0) return usage;
  const entries = await readdir('/proc').catch(() => []);
  for (const entry of entries.filter(name => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '');
    // The name stands in brackets and may hold blanks: the fields are read behind it, the third one first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3] ?? 0);
    const group = field(5);
    if (!groups.has(group)) continue;
    const sum = usage.get(group) ?? { cpuSeconds: 0, residentBytes: 0 };
    sum.cpuSeconds += (field(14) + field(15)) / ticksPerSecond;
    sum.residentBytes += field(24) * pageBytes;
    usage.set(group, sum);
  }
  return usage;
}
