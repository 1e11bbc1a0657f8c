import { randomUUID } from 'node:crypto';
import { hasEnded, outputUri, type JobRecord } from '../jobs/job-record';
import type { CommandRequest, JobInput, JobOutput, PipelineRequest, PipelineStep } from '../jobs/job-request';
import { bindingOf, upstreamOf } from '../jobs/pipeline-body';
import type { ComputeParts } from './compute-parts';
import type { JobControl } from './job-control';

const pipelineLog = 'logs/azureml/executionlogs.txt';

/**
 * Runs pipelines: each step is a command job of its own that starts when those whose outputs it needs have completed. All it knows is in the
 * stores, so it goes on after a restart by looking again.
 */
export class Pipelines {
  constructor(
    private readonly parts: Pick<ComputeParts, 'jobs'>,
    private readonly control: JobControl,
  ) {}

  start(pipeline: JobRecord): void {
    this.control.setStatus(pipeline.name, 'Preparing');
    this.control.setStatus(pipeline.name, 'Running');
    this.advance(pipeline.name);
  }

  /** Looks what has to be done now: after the start, and whenever a step has ended. */
  advance(name: string): void {
    const pipeline = this.parts.jobs.get(name);
    if (pipeline?.request.jobType !== 'Pipeline' || hasEnded(pipeline.status)) return;
    const { request } = pipeline;
    const jobs = new Map(this.parts.jobs.children(name).map(job => [job.parent?.key ?? '', job]));
    const open = [...jobs.values()].filter(job => !hasEnded(job.status));
    if (pipeline.status === 'CancelRequested') {
      if (open.length === 0) this.control.end(name, { status: 'Canceled' });
      return;
    }
    const broken = [...jobs]
      .filter(([, job]) => job.status === 'Failed' || job.status === 'Canceled')
      .map(([key]) => key);
    if (broken.length > 0 && !request.continueOnStepFailure) {
      if (open.length === 0) this.#fail(name, broken);
      // Steps that run are ended; each one's end comes back here.
      for (const job of open) if (job.status !== 'CancelRequested') this.control.cancel(job.name);
      return;
    }
    const ready = Object.entries(request.steps).filter(
      ([key, step]) => !jobs.has(key) && upstreamOf(step).every(upstream => jobs.get(upstream)?.status === 'Completed'),
    );
    for (const [key, step] of ready) this.#startStep(pipeline, request, key, step, jobs);
    if (ready.length > 0 || open.length > 0) return;
    if (broken.length > 0) this.#fail(name, broken);
    else this.control.end(name, { status: 'Completed' });
  }

  #startStep(
    pipeline: JobRecord,
    request: PipelineRequest,
    key: string,
    step: PipelineStep,
    jobs: Map<string, JobRecord>,
  ): void {
    const name = randomUUID();
    const command: CommandRequest = {
      jobType: 'Command',
      ...step.spec,
      experimentName: request.experimentName,
      description: null,
      computeId: step.computeId,
      componentId: step.componentId,
      properties: {
        ...step.properties,
        'azureml.runsource': 'azureml.StepRun',
        'azureml.nodeid': key,
        'azureml.pipelinerunid': pipeline.name,
        'azureml.moduleName': key,
      },
      inputs: resolvedInputs(request, step, jobs),
      outputs: Object.fromEntries(
        Object.entries(step.outputs).map(([output, value]) => [output, resolvedOutput(pipeline, request, value)]),
      ),
      identity: request.identity,
      queueSettings: request.queueSettings,
      notificationSetting: null,
      services: {},
      limits: step.limits,
    };
    this.#log(pipeline.name, `Submitting step ${key} as job ${name}.`);
    this.control.begin({
      name,
      request: command,
      displayName: step.displayName ?? key,
      tags: step.tags,
      parent: { job: pipeline.name, key },
      createdBy: pipeline.createdBy,
    });
  }

  #fail(name: string, steps: string[]): void {
    const nodes = steps.map(step => `/${step}`).join(', ');
    const message = `Pipeline has failed child jobs. Failed nodes: ${nodes}. For more details and logs, please go to the job detail page and check the child jobs.`;
    this.#log(name, message);
    this.control.end(name, {
      status: 'Failed',
      error: {
        code: 'UserError',
        message,
        messageFormat:
          'Pipeline has failed child jobs. Failed nodes: {nodes}. For more details and logs, please go to the job detail page and check the child jobs.',
        messageParameters: { nodes },
      },
    });
  }

  #log(pipeline: string, text: string): void {
    this.control.note(pipeline, pipelineLog, `[${new Date().toISOString()}] ${text}`);
  }
}

function resolvedInputs(
  request: PipelineRequest,
  step: PipelineStep,
  jobs: Map<string, JobRecord>,
): Record<string, JobInput> {
  return Object.fromEntries(
    Object.entries(step.inputs).flatMap(([name, input]): [string, JobInput][] => {
      const binding = bindingOf(input);
      if (!binding) return [[name, input]];
      const mode = input.mode === undefined ? {} : { mode: input.mode };
      if ('input' in binding) {
        const given = request.inputs[binding.input];
        return given ? [[name, { ...given, ...mode }]] : [];
      }
      const job = jobs.get(binding.step);
      const output = job?.request.outputs[binding.output];
      if (!job || !output) return [];
      return [
        [
          name,
          {
            jobInputType: output.jobOutputType,
            description: null,
            uri: outputUri(job, binding.output),
            mode: input.mode ?? 'ReadOnlyMount',
          },
        ],
      ];
    }),
  );
}

/** A step's output that is one of the pipeline's goes where that one is. */
function resolvedOutput(
  pipeline: JobRecord,
  request: PipelineRequest,
  { binding, ...output }: PipelineStep['outputs'][string],
): JobOutput {
  if (binding !== undefined) {
    const { assetName, assetVersion } = request.outputs[binding] ?? {};
    return {
      ...output,
      uri: outputUri(pipeline, binding),
      ...(assetName === undefined ? {} : { assetName }),
      ...(assetVersion === undefined ? {} : { assetVersion }),
    };
  }
  const settings = request.settings;
  const datastore = settings.default_datastore ?? settings.defaultDatastore;
  if (output.uri !== undefined || typeof datastore !== 'string') return output;
  const name =
    datastore
      .split('/')
      .at(-1)
      ?.replace(/^azureml:/, '') ?? '';
  return { ...output, uri: `azureml://datastores/${name}/paths/azureml/\${{name}}/\${{output_name}}/` };
}
