import { randomUUID } from 'node:crypto';
import type { TaskResult } from '../../agent/task-result';
import type { PipelineEvent } from '../../pipeline/run-record';
import type { PipelineService, RunFeed, RunStart } from '../../project';
import type { BuildResult, Builds, RecordResult, TimelineRecord } from './builds';
import type { DevOps } from './devops';

const buildResults: Record<TaskResult, BuildResult> = {
  Succeeded: 'succeeded',
  SucceededWithIssues: 'partiallySucceeded',
  Failed: 'failed',
  Canceled: 'canceled',
  Skipped: 'succeeded',
};
const recordResults: Record<TaskResult, RecordResult> = {
  Succeeded: 'succeeded',
  SucceededWithIssues: 'succeededWithIssues',
  Failed: 'failed',
  Canceled: 'canceled',
  Skipped: 'skipped',
};

/** Lets the pipelines of this machine show themselves as builds and use the library's variable groups. */
export function pipelineService({ builds, pullRequests, variableGroups }: DevOps): PipelineService {
  return {
    openRun: start => {
      pullRequests.ensureRepository(start.repositoryId);
      return runFeed(start, builds);
    },
    variableGroups: seeds => {
      for (const [name, variables] of Object.entries(seeds)) {
        const read = Object.entries(variables).map(([key, value]) => [
          key,
          typeof value === 'string' ? { value } : value,
        ]);
        variableGroups.seed(name, Object.fromEntries(read) as Parameters<typeof variableGroups.seed>[1]);
      }
      return variableGroups.forRuns();
    },
  };
}

function runFeed(start: RunStart, builds: Builds): RunFeed {
  const { id } = builds.start(start);
  /** Ids of the timeline's rows by stage, job and step. */
  const rows = new Map<string, string>();
  const rowOf = (key: string): string => {
    const known = rows.get(key) ?? randomUUID();
    rows.set(key, known);
    return known;
  };
  const change = (key: string, record: Partial<TimelineRecord>): void => {
    builds.putRecords(id, [{ id: rowOf(key), ...record }]);
  };
  return {
    tag: tag => {
      builds.addTags(id, [tag]);
    },
    attach: (owner, type, name, file) => {
      builds.attach(id, rowOf(owner), type, name, { file });
    },
    artifact: artifact => {
      builds.change(id, { artifacts: [...builds.get(id).artifacts, artifact] });
    },
    event: event => {
      const { key, parent, type, name } = placeOf(event);
      const now = new Date().toISOString();
      if (event.type.endsWith('Started')) {
        const parentId = parent === undefined ? null : rowOf(parent);
        change(key, { type, name, parentId, startTime: now, state: 'inProgress', order: rows.size });
      } else {
        const result = recordResults[event.result ?? 'Succeeded'];
        change(key, { type, name, finishTime: now, state: 'completed', percentComplete: 100, result });
      }
    },
    tags: () => builds.get(id).tags,
    finish: (result, buildNumber) => {
      builds.change(id, { result: buildResults[result], buildNumber, finishTime: new Date().toISOString() });
    },
  };
}

function placeOf(event: PipelineEvent): { key: string; parent?: string; type: string; name: string } {
  switch (event.type) {
    case 'stageStarted':
    case 'stageFinished':
      return { key: event.stage, type: 'Stage', name: event.stage };
    case 'jobStarted':
    case 'jobFinished':
      return { key: `${event.stage}/${event.job}`, parent: event.stage, type: 'Job', name: event.job };
    case 'stepStarted':
    case 'stepFinished':
      return { key: event.record, parent: `${event.stage}/${event.job}`, type: 'Task', name: event.step };
  }
}
