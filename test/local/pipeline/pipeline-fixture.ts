import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runPipeline, type PipelineRun, type RunPipelineOptions } from '../../../local/pipeline/run-pipeline';
import type { StepRun } from '../../../local/pipeline/run-record';
import type { Project } from '../../../local/project';
import { taskFixtures } from '../agent/task-fixture';

/** A repository with pipelines in it, in a folder that goes at the end, and the lines of the last run. */
export class PipelineFixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'guardian-pipeline-'));
  readonly sourcesDir = join(this.folder, 'repository');
  lines: string[] = [];
  private runs = 0;

  constructor() {
    mkdirSync(this.sourcesDir);
  }

  get project(): Project {
    return {
      name: 'test-project',
      collectionUri: 'https://devops.example/',
      sourcesDir: this.sourcesDir,
      taskDirs: [taskFixtures],
      connections: [
        {
          id: 'aaaaaaaa-2222-4000-8000-000000000001',
          name: 'my-azure',
          type: 'azurerm',
          url: 'https://arm.example/',
          scheme: 'ServicePrincipal',
          parameters: { serviceprincipalkey: 'connection-key' },
          data: {},
        },
      ],
      variableGroups: { shared: { region: 'eastus', key: { value: 'group-secret', isSecret: true } } },
      environmentVariables: {},
      nextBuildId: () => ++this.runs,
      accessToken: 'the-access-token',
    };
  }

  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.sourcesDir, name)), { recursive: true });
      writeFileSync(join(this.sourcesDir, name), text);
    }
  }

  /** Runs a pipeline given as YAML text, or the file of that name in the repository. Seconds and minutes are short. */
  async run(yaml: string, change: Partial<RunPipelineOptions> = {}): Promise<PipelineRun> {
    const isFile = /^\S+\.yml$/.test(yaml);
    if (!isFile) this.write({ 'pipeline.yml': yaml });
    this.lines = [];
    return runPipeline({
      file: join(this.sourcesDir, isFile ? yaml : 'pipeline.yml'),
      project: this.project,
      runDir: join(this.folder, `run-${this.runs}`),
      onLine: line => this.lines.push(line),
      time: { second: 1, minute: 60_000 },
      ...change,
    });
  }

  log(run: PipelineRun, step: StepRun): string {
    return readFileSync(join(run.runDir, step.log), 'utf8');
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** All steps of a run by `stage.job.step`, the step by its name or else what it shows. */
export function stepsOf(run: PipelineRun): Record<string, StepRun> {
  return Object.fromEntries(
    run.stages.flatMap(stage =>
      stage.jobs.flatMap(job =>
        job.steps.map(step => [
          [stage.name, job.name, job.leg, step.name || step.displayName].filter(part => part !== undefined).join('.'),
          step,
        ]),
      ),
    ),
  );
}

/** Results by `stage.job`. */
export function jobResults(run: PipelineRun): Record<string, string> {
  return Object.fromEntries(
    run.stages.flatMap(stage =>
      stage.jobs.map(job => [[stage.name, job.name, job.leg].filter(part => part !== undefined).join('.'), job.result]),
    ),
  );
}
