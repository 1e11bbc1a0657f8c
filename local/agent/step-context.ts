import type { JobContext } from './job-context';
import type { LoggingCommand } from './logging-command';
import { mergeResults, type TaskResult } from './task-result';
import { Variables } from './variables';

export interface Issue {
  type: 'error' | 'warning';
  message: string;
  /** Source path, line, column and code, where the step gave them. */
  data: Record<string, string>;
}

/** What a task.json allows its commands to do. */
export interface Restrictions {
  /** In restricted mode only the harmless commands work. */
  restrictedMode: boolean;
  settableVariables: RegExp[] | undefined;
}

export interface StepIdentity {
  /** The `name:` of the step in YAML, by which others refer to its outputs. */
  refName: string;
  /** Path-safe name of the step, for its records. */
  recordName: string;
  displayName: string;
  /** Names in the task's `outputVariables`: always outputs. */
  outputNames: string[];
  restrictions: Restrictions;
}

/** A row below a step in the run's timeline (task.logdetail). */
export interface DetailRecord {
  id: string;
  parentId?: string;
  name?: string;
  type?: string;
  order?: number;
  progress?: number;
  operation?: string;
  result?: string;
  state?: string;
  startTime?: string;
  finishTime?: string;
}

/** The agent keeps ten errors and ten warnings of a step; the others are in its log only. */
const keptIssues = 10;
const forceCompleteAfterMilliseconds = 5000;

/** A running step: its log, result, issues, outputs. Every line goes through the masker before anybody sees it. */
export class StepContext {
  result: TaskResult | undefined;
  /** Failed when a logging command could not be carried out; merged into the result at the end. */
  commandResult: TaskResult | undefined;
  readonly issues: Issue[] = [];
  readonly outputs: Record<string, string> = {};
  readonly secretOutputs = new Set<string>();
  readonly lines: string[] = [];
  readonly commands: LoggingCommand[] = [];
  readonly details = new Map<string, DetailRecord>();
  readonly taskVariables: Variables;
  progress = 0;
  operation: string | undefined;
  /** Resolves five seconds after the step declared itself done. */
  readonly forceCompleted: Promise<void>;
  isForceCompleted = false;
  /** Of the step's last process; null when a signal ended it, or none ran. */
  exitCode: number | null = null;
  private readonly debugShown: boolean;
  private forceTimer: NodeJS.Timeout | undefined;
  private resolveForce: () => void = () => undefined;

  constructor(
    readonly job: JobContext,
    readonly identity: StepIdentity,
    private readonly show: (line: string) => void,
  ) {
    this.debugShown = job.variables.isTrue('System.Debug');
    this.taskVariables = new Variables([], job.masker);
    this.forceCompleted = new Promise(resolve => (this.resolveForce = resolve));
  }

  output(text: string): void {
    // A secret may hold line breaks: mask first, split then.
    for (const line of this.job.masker.mask(text).split(/\r\n|\n|\r/)) {
      this.lines.push(line);
      this.show(line);
    }
  }

  debug(text: string): void {
    if (!this.debugShown) return;
    for (const line of text.split(/\r\n|\n|\r/)) this.output(`##[debug]${line}`);
  }

  error(message: string, data: Record<string, string> = {}): void {
    this.addIssue({ type: 'error', message, data });
  }

  warning(message: string, data: Record<string, string> = {}): void {
    this.addIssue({ type: 'warning', message, data });
  }

  setVariable(
    name: string,
    value: string,
    flags: { isSecret: boolean; isOutput: boolean; isReadOnly: boolean; preserveCase: boolean },
  ): void {
    const isOutput =
      flags.isOutput || this.identity.outputNames.some(known => known.toLowerCase() === name.toLowerCase());
    const { isSecret, preserveCase } = flags;
    if (!isOutput) {
      this.job.variables.set({ name, value, isSecret, preserveCase, isReadOnly: flags.isReadOnly });
      return;
    }
    this.outputs[name] = value;
    if (isSecret) this.secretOutputs.add(name);
    const isReadOnly = flags.isOutput || flags.isReadOnly;
    this.job.variables.set({ name: `${this.identity.refName}.${name}`, value, isSecret, preserveCase, isReadOnly });
  }

  /** Progress never goes back. */
  setProgress(percent: number, operation: string): void {
    this.progress = Math.max(this.progress, percent);
    if (operation !== '') this.operation = operation;
  }

  forceComplete(): void {
    this.forceTimer ??= setTimeout(() => {
      this.isForceCompleted = true;
      this.resolveForce();
    }, forceCompleteAfterMilliseconds);
  }

  /** Readies the step for another attempt after a failure; issues and outputs of the failed one stay. */
  restart(): void {
    this.result = undefined;
    this.cancelForceCompletion();
  }

  /** The step's end: what commands did to it counts as well. */
  complete(): TaskResult {
    this.cancelForceCompletion();
    if (this.commandResult !== undefined) this.result = mergeResults(this.result, this.commandResult);
    this.result ??= 'Succeeded';
    return this.result;
  }

  private cancelForceCompletion(): void {
    clearTimeout(this.forceTimer);
    this.forceTimer = undefined;
  }

  private addIssue(issue: Issue): void {
    const message = this.job.masker.mask(issue.message);
    if (message !== '') this.output(`##[${issue.type}]${message}`);
    if (this.issues.filter(item => item.type === issue.type).length < keptIssues)
      this.issues.push({ ...issue, message });
  }
}
