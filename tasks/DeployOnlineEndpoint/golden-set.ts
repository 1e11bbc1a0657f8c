import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { endpointKeys, type OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import { callEndpoint, describeAnswer } from '../../lib/azureml/scoring-request';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';
import { contentTypeOf } from './smoke-test';

/** A request whose right answer is known, or one that was made before and is made again. */
export interface GoldenCase {
  readonly file: string;
  /** Undefined for a replayed request. */
  readonly label: string | undefined;
  readonly body: Buffer;
}

/** What one deployment said to one case. */
export interface GoldenAnswer {
  /** Undefined when there was no answer with a label; `problem` then says why. */
  readonly label: string | undefined;
  readonly problem: string | undefined;
  readonly milliseconds: number;
}

export interface GoldenResult {
  readonly file: string;
  readonly label: string | undefined;
  readonly candidate: GoldenAnswer;
  readonly champion: GoldenAnswer | undefined;
}

/**
 * Reads a folder with one folder a label, each with the files that ought to get it. @throws TaskError when it holds none
 */
export function readGoldenSet(folder: string): GoldenCase[] {
  try {
    const cases = readdirSync(folder)
      .sort()
      .filter(label => statSync(join(folder, label)).isDirectory())
      .flatMap(label =>
        readdirSync(join(folder, label))
          .sort()
          .filter(name => !name.startsWith('.'))
          .map(name => ({ file: `${label}/${name}`, label, body: readFileSync(join(folder, label, name)) })),
      );
    if (cases.length > 0) return cases;
  } catch (error) {
    throw new TaskError(
      `The golden set ${folder} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}). goldenSet is relative to the sources; is the repository checked out in this job?`,
      { code: 'GuardianInput', cause: error },
    );
  }
  throw new TaskError(
    `The golden set ${folder} holds no cases: it needs one folder a label, with the files that ought to get this label.`,
    { code: 'GuardianInput' },
  );
}

/**
 * Reads requests that were made before: every file of a folder and those below it, such as what the scoring runtime captured
 * (its `captures.jsonl` is about them and no request). Of more than `most` an even choice over their order by name, which is that of time.
 * @throws TaskError when it holds none
 */
export function readReplay(folder: string, most: number): GoldenCase[] {
  let files: string[];
  try {
    files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(path => !basename(path).startsWith('.') && basename(path) !== 'captures.jsonl')
      .filter(path => statSync(join(folder, path)).isFile())
      .sort((a, b) => (basename(a) < basename(b) ? -1 : 1));
  } catch (error) {
    throw new TaskError(
      `The folder of requests ${folder} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}). replay is relative to the sources; was it downloaded in this job?`,
      { code: 'GuardianInput', cause: error },
    );
  }
  if (files.length === 0)
    throw new TaskError(`The folder ${folder} holds no requests to replay.`, { code: 'GuardianInput' });
  const step = Math.max(1, files.length / most);
  const chosen = Array.from(
    { length: Math.min(most, files.length) },
    (_none, at) => files[Math.floor(at * step)] ?? '',
  );
  return chosen.map(file => ({ file, label: undefined, body: readFileSync(join(folder, file)) }));
}

/** Enough to be quick, and too few to be a load. */
const parallelCalls = 4;

/** Asks the candidate, and the champion if there is one, past the traffic. A deployment that fails a case is an answer, too. */
export async function askGoldenSet(
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  cases: readonly GoldenCase[],
  candidate: string,
  champion: string | undefined,
  host: TaskHost,
): Promise<GoldenResult[]> {
  const keys = await endpointKeys(workspace, endpoint.name);
  const { scoringUri } = endpoint;
  if (!keys || !scoringUri) {
    throw new TaskError(
      `A golden set and replayed requests need an endpoint with keys, and ${endpoint.name} authenticates with ${endpoint.authMode}. Leave goldenSet and replay empty for it.`,
    );
  }
  host.maskSecret(keys.primaryKey);
  host.maskSecret(keys.secondaryKey);
  const ask = async ({ body }: GoldenCase, deployment: string): Promise<GoldenAnswer> => {
    const answer = await callEndpoint(
      { method: 'POST', url: scoringUri, key: keys.primaryKey, deployment, body, contentType: contentTypeOf(body) },
      host,
    );
    const label = answer.status === 200 ? labelOf(answer.text) : undefined;
    const problem = label === undefined ? describeAnswer(answer) : undefined;
    return { label, problem, milliseconds: answer.milliseconds };
  };
  const results: GoldenResult[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++, one = cases[index]; one; index = next++, one = cases[index]) {
      const answers = await Promise.all([ask(one, candidate), champion === undefined ? undefined : ask(one, champion)]);
      results[index] = { file: one.file, label: one.label, candidate: answers[0], champion: answers[1] };
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelCalls, cases.length) }, worker));
  return results;
}

/** The label of an answer of the bundled scoring runtime, and of others that say `label` alike. */
function labelOf(text: string): string | undefined {
  try {
    const { label } = JSON.parse(text) as { label?: unknown };
    return typeof label === 'string' ? label : undefined;
  } catch {
    return undefined;
  }
}
