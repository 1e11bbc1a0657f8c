/** A command line that cannot be meant; ends with exit code 2. */
export class UsageError extends Error {}

export const usage = `Usage
  npm run local -- [options]                 local Azure and Kubernetes in the foreground, until SIGTERM or Ctrl-C
  npm run local -- pipeline FILE [options]   runs one Azure Pipelines file against them and stops
  npm run local -- release FILE [options]    runs one release of a classic release definition (JSON) against them and stops

The first line on standard output is one JSON object with all addresses and credentials; npm run --silent local keeps npm's own lines away.

Options
  --port P             port of Azure on 127.0.0.1; blobs, Kubernetes and the web page get the next three. 0, the default: any free ones
  --state DIR          where everything is kept, made when absent; .local/state unless given. One local Azure at a time in one folder
  --request-log FILE   appends every request to FILE as a line of JSON
  --token-seconds S    how long access tokens live; 3599 unless given, as in Azure

Options of pipeline
  --var name=value     a variable of the run; may be given several times
  --param name=value   a parameter of the run, its value as YAML; may be given several times
  --kubeconfig FILE    the cluster that the Kubernetes service connection means, in place of local Kubernetes
  --state DIR          as above

Options of release
  --var name=value     a variable that can be set at release time; may be given several times
  --stage NAME         deploys this stage only, as by hand; may be given several times. Those that start by themselves unless given
  --kubeconfig FILE, --state DIR   as above

Exit codes: 0 stopped as asked, or the run succeeded; 1 it failed; 2 the command line is wrong.
What it is, how to point clients at it: docs/LOCAL_AZURE.md`;

/** @throws UsageError when the text is not a whole number from `least` to `most` */
export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(number >= least && number <= most))
    throw new UsageError(`${option} must be a whole number from ${least} to ${most}, not "${text}".`);
  return number;
}

/** One line for a start that failed: what a port or folder error of the system means here. */
export function startFailure(error: unknown, port: number): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'EADDRINUSE' || message.includes('EADDRINUSE')) {
    const taken = /127\.0\.0\.1:(\d+)/.exec(message)?.[1] ?? (error as { port?: number }).port;
    return `Port ${taken ?? port} on 127.0.0.1 is taken. Give another with --port: local Azure needs ${port} to ${port + 3}; 0 takes any free ones.`;
  }
  if (code === 'EACCES' || code === 'EPERM')
    return `${message}. Give another folder with --state, or another port with --port.`;
  return message;
}
