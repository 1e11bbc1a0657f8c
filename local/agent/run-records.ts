import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface StoredArtifact {
  name: string;
  /** Folder in the run's records that holds the artifact's content. */
  path: string;
}

/** Where else a run shows what it leaves behind: the service, beside the run's own folder. */
export interface RecordsFeed {
  tag(tag: string): void;
  /** A file of a step, which `owner` names as `RunRecords.attach` does. */
  attach(owner: string, type: string, name: string, file: string): void;
  artifact(artifact: StoredArtifact): void;
}

/** What a run leaves behind for people: one folder with summaries, attachments, artifacts and tags. */
export class RunRecords {
  /** Markdown of the summaries, in the order of their arrival. */
  readonly summaries: string[] = [];
  readonly buildTags: string[] = [];
  /** Set when a step changed it. */
  buildNumber: string | undefined;
  private readonly storedArtifacts = new Map<string, StoredArtifact>();

  constructor(
    readonly folder: string,
    private readonly feed?: RecordsFeed,
  ) {
    mkdirSync(folder, { recursive: true });
  }

  get artifactsDir(): string {
    return join(this.folder, 'artifacts');
  }

  get artifacts(): StoredArtifact[] {
    return [...this.storedArtifacts.values()];
  }

  artifact(name: string): StoredArtifact | undefined {
    return this.storedArtifacts.get(name.toLowerCase());
  }

  addSummary(file: string, owner: string): void {
    const markdown = readFileSync(file, 'utf8');
    this.summaries.push(markdown);
    const folder = join(this.folder, 'summaries');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${String(this.summaries.length).padStart(2, '0')}-${basename(file)}`), markdown);
    this.feed?.attach(owner, 'Distributedtask.Core.Summary', basename(file), file);
  }

  /** Keeps a file of a step under attachments/<step>/<type>/<name>. */
  attach(owner: string, type: string, name: string, file: string): void {
    const folder = join(this.folder, 'attachments', owner, type);
    mkdirSync(folder, { recursive: true });
    cpSync(file, join(folder, name));
    this.feed?.attach(owner, type, name, file);
  }

  /** Puts a file or a folder's content into an artifact, below `container` when it is not the artifact itself. */
  addToArtifact(name: string, path: string, container = name): StoredArtifact {
    const artifact = this.artifact(name) ?? { name, path: join(this.artifactsDir, name) };
    if (!this.artifact(name)) this.feed?.artifact(artifact);
    this.storedArtifacts.set(name.toLowerCase(), artifact);
    const target = container === name ? artifact.path : join(artifact.path, container);
    mkdirSync(target, { recursive: true });
    cpSync(path, statSync(path).isDirectory() ? target : join(target, basename(path)), { recursive: true });
    return artifact;
  }

  addBuildTag(tag: string): void {
    if (!this.buildTags.some(known => known.toLowerCase() === tag.toLowerCase())) this.buildTags.push(tag);
    this.feed?.tag(tag);
  }

  /** Appends lines to a step's log; the path is relative to the records. */
  log(file: string, line: string): void {
    const path = join(this.folder, file);
    if (!existsSync(path)) mkdirSync(join(path, '..'), { recursive: true });
    appendFileSync(path, `${line}\n`);
  }
}
