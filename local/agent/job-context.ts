import type { Connection } from './connection';
import type { Masker } from './masker';
import type { RunRecords } from './run-records';
import type { Variables } from './variables';

/** What the steps of one job share. */
export interface JobContext {
  variables: Variables;
  masker: Masker;
  /** Service connections by id; a copy, because a step may change it for the later ones. */
  connections: Map<string, Connection>;
  /** Connection to Azure DevOps itself, which every task gets as SYSTEMVSSCONNECTION. */
  system: { url: string; accessToken: string };
  /** Folders before PATH, the latest first. */
  prependPath: string[];
  records: RunRecords;
  /** The agent's own environment, which every step inherits. */
  environment: Record<string, string>;
  /** Marks this job's processes, so that all of them can be found at its end. */
  lookupId: string;
  /** Ends what a step left running; called when the job ends. */
  leftovers: (() => Promise<void>)[];
}

/**
 * What of this process's environment a step may see: enough to find programs, a home, the proxy and the language. A real agent is a
 * machine of its own, so nothing else of ours belongs there.
 */
export function agentEnvironment(extra: Record<string, string>): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];
  const environment: Record<string, string> = {};
  for (const name of [...names, ...names.filter(item => item.endsWith('_PROXY')).map(item => item.toLowerCase())]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...extra };
}
