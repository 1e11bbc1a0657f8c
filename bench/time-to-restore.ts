import assert from 'node:assert/strict';
import type { TaskRun } from '../local/agent/run-task';
import { ReleaseCloud } from '../test/task/release/release-cloud';
import { median } from './statistics';

/** What came between the moment from which an endpoint was to be put right and the moment at which it was. */
export interface Restoration {
  readonly way: string;
  /** Requests to Resource Manager before the write of the traffic. */
  readonly readsBefore: number;
  readonly writesBefore: number;
  /** Looks at the write's operation until it had ended, each but the first after a pause. */
  readonly looks: number;
  readonly seconds: number;
}

const write = 'arm PUT onlineEndpoints/letters-endpoint';
const isLook = (request: string): boolean => /^arm GET .*operations/i.test(request);

/** Takes live traffic back in every way that there is, on running containers, and reads in local Azure's requests how. */
export async function timeToRestore(rounds: number, log: (line: string) => void): Promise<Restoration[]> {
  const cloud = await ReleaseCloud.start();
  const done: Restoration[] = [];
  let build = 1;
  const run = async (result: string, task: (o: { build: string }) => Promise<TaskRun>): Promise<void> => {
    cloud.requests.length = 0;
    const { result: ended, lines } = await task({ build: String(build++) });
    assert.equal(ended, result, lines.join('\n'));
  };
  const note = (way: string, signal: (request: string) => boolean): void => {
    const asked = cloud.requests;
    const from = asked.findLastIndex(({ request }) => signal(request));
    const at = asked.findIndex(({ request }, index) => index > from && request === write);
    assert.ok(at > from, asked.map(({ request }) => request).join('\n'));
    const before = asked.slice(from + 1, at).filter(({ request }) => request.startsWith('arm '));
    const after = asked.slice(at + 1);
    const end = after.findIndex(({ request }) => !isLook(request));
    const [began, restored] = [asked[Math.max(from, 0)], after[end]];
    assert.ok(began && restored);
    done.push({
      way,
      readsBefore: before.filter(({ request }) => / (GET|POST) /.test(request)).length,
      writesBefore: before.filter(({ request }) => !/ (GET|POST) /.test(request)).length,
      looks: end,
      seconds: (Date.parse(restored.time) - Date.parse(began.time)) / 1000,
    });
    log(JSON.stringify(done.at(-1)));
  };
  try {
    await run('Succeeded', o => cloud.deploy('1', {}, o));
    for (let round = 0; round < rounds; round++) {
      const callers = await cloud.callers();
      const watched = { strategy: 'blueGreen', bakeMinutes: '0.05', environmentVariables: 'FAIL_EVERY=2' };
      await run('Failed', o => cloud.deploy('2', watched, o));
      note('a step of a rollout that fails', request => request.includes('Microsoft.Insights/metrics'));
      await run('Succeeded', o => cloud.deploy('2', {}, o));
      await run('Succeeded', o => cloud.rollback({}, o));
      note('Rollback, the deployment is still there', () => false);
      await run('Succeeded', o => cloud.deploy('2', {}, o));
      await cloud.remove('1');
      await run('Succeeded', o => cloud.rollback({ to: 'letters:1' }, o));
      note('Rollback, the deployment is made again', () => false);
      await callers.stop();
    }
  } finally {
    await cloud.stop();
  }
  return done;
}

/** Medians, a row a way. */
export function restoreTable(all: readonly Restoration[]): string {
  const rows = [...new Set(all.map(({ way }) => way))].map(way => {
    const of = (key: keyof Omit<Restoration, 'way'>): string =>
      String(median(all.filter(one => one.way === way).map(one => one[key])));
    return `| ${way} | ${of('readsBefore')} | ${of('writesBefore')} | ${of('looks')} | ${of('seconds')} |`;
  });
  return [
    '| live traffic comes back by | reads before the write | other writes before it | looks until it is done | seconds |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
