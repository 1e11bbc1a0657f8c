import type { Fields } from './fields';
import type { DownloadStep, PublishStep, ScriptStep, StepBase } from './model';
import { PipelineError } from './pipeline-error';

type OwnPart<S extends StepBase> = Omit<S, keyof StepBase>;
type BuiltinStep = OwnPart<PublishStep> | OwnPart<DownloadStep> | OwnPart<ScriptStep>;

/** A task of Azure Pipelines itself, which needs no package here: what it does is a step that the runner knows. */
export interface BuiltinTask {
  displayName: string;
  /** Inputs by name, with their aliases. */
  inputs: Record<string, string[]>;
  /** Reads the inputs; `input` gives '' for one that is absent. @throws Error for what is not supported. */
  step: (input: (name: string) => string) => BuiltinStep;
}

const script = (shell: ScriptStep['shell'], text: string, input: (name: string) => string): OwnPart<ScriptStep> => ({
  kind: 'script',
  shell,
  script: text,
  workingDirectory: input('workingDirectory') || undefined,
  failOnStderr: input('failOnStderr').toLowerCase() === 'true',
});

const builtinTasks: Record<string, BuiltinTask> = {
  'publishpipelineartifact@1': {
    displayName: 'PublishPipelineArtifact',
    inputs: { targetPath: ['path'], artifact: ['artifactName'], publishLocation: ['artifactType'] },
    step: input => {
      if (!['', 'pipeline'].includes(input('publishLocation')))
        throw new Error('Only publishLocation pipeline is supported.');
      return { kind: 'publish', path: input('targetPath') || '$(Pipeline.Workspace)', artifact: input('artifact') };
    },
  },
  'downloadpipelineartifact@2': {
    displayName: 'DownloadPipelineArtifact',
    inputs: {
      buildType: ['source'],
      artifactName: ['artifact'],
      itemPattern: ['patterns'],
      targetPath: ['path', 'downloadPath'],
    },
    step: input => {
      if (!['', 'current'].includes(input('buildType'))) throw new Error('Only the current run is supported.');
      return {
        kind: 'download',
        source: 'current',
        artifact: input('artifactName'),
        patterns: input('itemPattern') || '**',
        path: input('targetPath') || '$(Pipeline.Workspace)',
      };
    },
  },
  'cmdline@2': {
    displayName: 'CmdLine',
    inputs: { script: [], workingDirectory: [], failOnStderr: [] },
    step: input => script('script', input('script'), input),
  },
  'bash@3': {
    displayName: 'Bash',
    inputs: { targetType: [], script: [], filePath: [], arguments: [], workingDirectory: [], failOnStderr: [] },
    step: input => {
      // The task's default is a file.
      if (input('targetType').toLowerCase() === 'inline') return script('bash', input('script'), input);
      const file = input('filePath').replaceAll("'", `'\\''`);
      return script('bash', `exec bash '${file}' ${input('arguments')}`, input);
    },
  },
};

/**
 * The step that a task of Azure Pipelines itself stands for; undefined for other tasks.
 * @throws PipelineError for an input that is not supported.
 */
export function builtinStep(
  reference: string,
  inputs: Record<string, string>,
  fields: Fields,
): { displayName: string; own: BuiltinStep } | undefined {
  const task = builtinTasks[reference.toLowerCase()];
  if (task === undefined) return undefined;
  const at = fields.place('inputs');
  const known = Object.entries(task.inputs).flatMap(([name, aliases]) => [name, ...aliases]);
  for (const key of Object.keys(inputs)) {
    if (!known.some(name => name.toLowerCase() === key.toLowerCase())) {
      throw new PipelineError(
        at,
        `The input '${key}' of ${reference} is not supported. Supported are: ${known.join(', ')}.`,
      );
    }
  }
  const input = (name: string): string => {
    const spellings = [name, ...(task.inputs[name] ?? [])].map(spelling => spelling.toLowerCase());
    return (
      Object.entries(inputs)
        .find(([key]) => spellings.includes(key.toLowerCase()))?.[1]
        .trim() ?? ''
    );
  };
  try {
    return { displayName: task.displayName, own: task.step(input) };
  } catch (error) {
    throw new PipelineError(at, `${reference}: ${(error as Error).message}`, { cause: error });
  }
}
