import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Collection } from '../../journal';
import { badRequest, notFound } from './devops-error';
import type { Organization } from './organization';

export type BuildResult = 'succeeded' | 'partiallySucceeded' | 'failed' | 'canceled';
export type RecordResult = 'succeeded' | 'succeededWithIssues' | 'failed' | 'canceled' | 'skipped' | 'abandoned';

/** One row of a build's timeline. Times are ISO 8601. */
export interface TimelineRecord {
  id: string;
  parentId: string | null;
  /** Stage, Phase, Job, Task, or what a task's own row says. */
  type: string;
  name: string;
  startTime: string | null;
  finishTime: string | null;
  currentOperation: string | null;
  /** 0 to 100. */
  percentComplete: number | null;
  state: 'pending' | 'inProgress' | 'completed';
  result: RecordResult | null;
  order: number | null;
  changeId: number;
}

export interface BuildAttachment {
  recordId: string;
  type: string;
  name: string;
  /** In the folder of the attachments. */
  file: string;
  created: string;
}

/** A run of a pipeline as it is kept in the journal. */
export interface Build {
  id: number;
  buildNumber: string;
  planId: string;
  timelineId: string;
  definition: string;
  sourceBranch: string;
  sourceVersion: string;
  repositoryId: string;
  startTime: string;
  finishTime?: string;
  result?: BuildResult;
  tags: string[];
  records: TimelineRecord[];
  attachments: BuildAttachment[];
  artifacts: { name: string; path: string }[];
  changeId: number;
}

/** What a run of local/pipeline says about itself when it begins. */
export type BuildStart = Pick<
  Build,
  'id' | 'buildNumber' | 'planId' | 'definition' | 'sourceBranch' | 'sourceVersion' | 'repositoryId'
>;

/** The builds of the project: what the pipelines here tell about themselves and what tasks add over REST. */
export class Builds {
  readonly #builds: Collection<Build>;

  constructor(private readonly organization: Organization) {
    this.#builds = organization.options.journal.collection('devops-builds');
  }

  start(begun: BuildStart): Build {
    const build: Build = {
      ...begun,
      timelineId: randomUUID(),
      startTime: new Date().toISOString(),
      tags: [],
      records: [],
      attachments: [],
      artifacts: [],
      changeId: 1,
    };
    this.#set(build);
    return build;
  }

  change(id: number, change: Partial<Build>): Build {
    const build = this.get(id);
    const changed = { ...build, ...change, changeId: build.changeId + 1 };
    this.#set(changed);
    return changed;
  }

  /** @throws DevOpsError 404 */
  get(id: number): Build {
    const build = this.#builds.get(String(id));
    if (!build) throw notFound('BuildNotFoundException', `The requested build ${id} could not be found.`);
    return build;
  }

  /** Newest first. */
  list(): Build[] {
    return [...this.#builds.entries()].map(([, build]) => build).reverse();
  }

  /** @throws DevOpsError 404 */
  ofPlan(planId: string): Build {
    for (const [, build] of this.#builds.entries()) if (build.planId === planId.toLowerCase()) return build;
    throw notFound('TaskOrchestrationPlanNotFoundException', `No plan found for identifier ${planId}.`);
  }

  /** Adds tags that are not there yet; letter case does not count. @throws DevOpsError 400 for an empty one */
  addTags(id: number, tags: string[]): Build {
    const known = [...this.get(id).tags];
    for (const tag of tags.map(one => one.trim())) {
      if (tag === '') throw badRequest('The value for tag must not be empty.', 'InvalidBuildTagException');
      if (!known.some(one => one.toLowerCase() === tag.toLowerCase())) known.push(tag);
    }
    return this.change(id, { tags: known });
  }

  removeTags(id: number, tags: string[]): Build {
    const gone = tags.map(tag => tag.toLowerCase());
    return this.change(id, { tags: this.get(id).tags.filter(tag => !gone.includes(tag.toLowerCase())) });
  }

  /** Adds rows to the timeline, or changes those whose id is there. */
  putRecords(id: number, records: (Partial<TimelineRecord> & { id: string })[]): Build {
    const { records: known, changeId } = this.get(id);
    const byId = new Map(known.map(record => [record.id, record]));
    for (const record of records) {
      const before = byId.get(record.id) ?? emptyRecord(record.id);
      byId.set(record.id, { ...before, ...record, changeId: changeId + 1 });
    }
    return this.change(id, { records: [...byId.values()] });
  }

  /** Keeps bytes or a copy of a file as an attachment of a row. @throws DevOpsError 400 for a name with path characters */
  attach(
    id: number,
    recordId: string,
    type: string,
    name: string,
    content: Buffer | { file: string },
  ): BuildAttachment {
    for (const part of [type, name]) {
      if (part === '' || /[/\0]/.test(part))
        throw badRequest(`The attachment's type or name '${part}' is empty or holds a slash.`);
    }
    const stored = join(String(id), randomUUID());
    const target = this.fileOf(stored);
    mkdirSync(dirname(target), { recursive: true });
    if (Buffer.isBuffer(content)) writeFileSync(target, content);
    else copyFileSync(content.file, target);
    const made: BuildAttachment = { recordId, type, name, file: stored, created: new Date().toISOString() };
    const others = this.get(id).attachments.filter(
      one => one.recordId !== recordId || one.type !== type || one.name !== name,
    );
    this.change(id, { attachments: [...others, made] });
    return made;
  }

  /** Absolute path of an attachment's content. */
  fileOf(stored: string): string {
    return join(this.organization.options.folder, 'attachments', stored);
  }

  /** A build that was under way when the server ended is shown as one whose agent was lost. */
  settleInterrupted(): void {
    for (const build of this.list()) {
      if (build.result === undefined) this.change(build.id, { result: 'failed', finishTime: new Date().toISOString() });
    }
  }

  #set(build: Build): void {
    this.#builds.set(String(build.id), build);
  }
}

function emptyRecord(id: string): TimelineRecord {
  return {
    id,
    parentId: null,
    type: 'Task',
    name: '',
    startTime: null,
    finishTime: null,
    currentOperation: null,
    percentComplete: null,
    state: 'pending',
    result: null,
    order: null,
    changeId: 1,
  };
}
