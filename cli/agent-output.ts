import { cpSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseLoggingCommand, type LoggingCommand } from '../local/agent/logging-command';
import type { Masker } from '../local/agent/masker';

/** Reads what a task prints for an agent: shows the log, and keeps outputs, issues and files. */
export class AgentOutput {
  readonly outputs: Record<string, string> = {};
  readonly errors: { code: string | undefined; message: string }[] = [];
  readonly warnings: string[] = [];
  result: 'succeeded' | 'succeededWithIssues' | 'failed' = 'succeeded';

  constructor(
    private readonly o: {
      masker: Masker;
      debug: boolean;
      records: string | undefined;
      onLine: (line: string) => void;
    },
  ) {}

  line(text: string): void {
    const command = parseLoggingCommand(text);
    if (command) this.carryOut(command);
    else if (text.startsWith('##[endgroup]')) this.show('');
    else this.show(text.replace(/^##\[group\]/, '> '));
  }

  private show(text: string): void {
    this.o.onLine(this.o.masker.mask(text));
  }

  /** Commands that only a pipeline's pages have a place for (progress, tags, timeline) show nothing here. */
  private carryOut({ area, event, properties, data }: LoggingCommand): void {
    switch (`${area}.${event}`.toLowerCase()) {
      case 'task.setsecret':
        this.o.masker.add(data);
        break;
      case 'task.setvariable':
        if (properties['issecret'] !== 'true') this.outputs[properties['variable'] ?? ''] = data;
        break;
      case 'task.logissue':
        this.issue(properties, this.o.masker.mask(data));
        break;
      case 'task.complete':
        if (properties['result'] === 'Failed') this.result = 'failed';
        else if (properties['result'] === 'SucceededWithIssues') this.result = 'succeededWithIssues';
        if (properties['result'] !== 'Failed' && data !== '') this.show(data);
        break;
      case 'task.debug':
        if (this.o.debug) this.show(`debug: ${data}`);
        break;
      case 'task.uploadsummary':
        this.keep(data, basename(data));
        break;
      case 'task.addattachment':
        this.keep(data, properties['name'] ?? basename(data));
        break;
    }
  }

  private issue(properties: Record<string, string>, message: string): void {
    const { code } = properties;
    if (properties['type'] === 'error') {
      this.errors.push({ code, message });
      this.show(`Error${code ? ` ${code}` : ''}: ${message}`);
    } else {
      this.warnings.push(message);
      this.show(`Warning: ${message}`);
    }
  }

  private keep(file: string, name: string): void {
    if (this.o.records === undefined) return;
    mkdirSync(this.o.records, { recursive: true });
    cpSync(file, join(this.o.records, name));
    this.show(`Kept ${join(this.o.records, name)}`);
  }
}
