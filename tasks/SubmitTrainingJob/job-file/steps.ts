import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { TaskError } from '../../../lib/task-error';
import {
  commandComponent,
  pipelineComponent,
  type CommandComponentSpec,
  type PipelineComponentSpec,
} from './component';
import { isRemote, localPath } from '../../../lib/azureml/local-path';
import {
  componentStep,
  inlineStep,
  pipelineStep,
  sweepStep,
  type ComponentStepSpec,
  type InlineStepSpec,
  type PipelineStepSpec,
  type SweepStepSpec,
} from './pipeline-job';
import { YamlFile } from '../../../lib/azureml/yaml-file';

/** What a step runs: a component that is registered, or one that a file or the step itself spells out. */
export type Component =
  | { readonly kind: 'registered'; readonly reference: string }
  | ({ readonly folder: string; /** Whether the job's own file holds it. */ readonly isInline: boolean } & (
      | { readonly kind: 'command'; readonly spec: CommandComponentSpec }
      | { readonly kind: 'pipeline'; readonly spec: PipelineComponentSpec; readonly steps: readonly Step[] }
    ));

export type Step = { readonly name: string } & (
  | { readonly kind: 'inline'; readonly spec: InlineStepSpec; readonly folder: string }
  | {
      readonly kind: 'command';
      readonly spec: ComponentStepSpec;
      readonly folder: string;
      readonly component: Component;
    }
  | { readonly kind: 'sweep'; readonly spec: SweepStepSpec; readonly folder: string; readonly component: Component }
  | {
      readonly kind: 'pipeline';
      readonly spec: PipelineStepSpec;
      readonly folder: string;
      readonly component: Component;
    }
);

type Path = readonly PropertyKey[];

/** The steps of a pipeline, each checked as the kind that it says it is, with the components that it names read. */
export function readSteps(
  jobs: Readonly<Record<string, unknown>>,
  file: YamlFile,
  path: Path,
  folder: string,
): readonly Step[] {
  return Object.entries(jobs).map(([name, value]) => readStep(name, value, file, [...path, name], folder));
}

function readStep(name: string, value: unknown, file: YamlFile, path: Path, folder: string): Step {
  const given = (value ?? {}) as { type?: unknown; component?: unknown };
  switch (given.type) {
    case undefined:
    case 'command': {
      if (given.component === undefined) {
        const spec = file.check(inlineStep, value, path, 'a pipeline job');
        return { kind: 'inline', name, folder, spec };
      }
      const spec = file.check(componentStep, value, path, 'a pipeline job');
      const component = readComponent(spec.component, file, [...path, 'component'], folder);
      // A step whose component is registered and that does not say its type may be of any kind; the service knows.
      if (component.kind === 'pipeline' && given.type === undefined)
        return { kind: 'pipeline', name, folder, component, spec: readPipelineStep(value, file, path) };
      return { kind: 'command', name, folder, component, spec };
    }
    case 'sweep': {
      const spec = file.check(sweepStep, value, path, 'a pipeline job');
      return {
        kind: 'sweep',
        name,
        folder,
        spec,
        component: readComponent(spec.trial, file, [...path, 'trial'], folder),
      };
    }
    case 'pipeline': {
      const spec = readPipelineStep(value, file, path);
      const component = readComponent(spec.component, file, [...path, 'component'], folder);
      return { kind: 'pipeline', name, folder, component, spec };
    }
    default:
      throw new TaskError(
        `${file.name}, line ${file.lineOf([...path, 'type'])}: the step ${name} is of type ${JSON.stringify(given.type)}, which is not supported; command, sweep and pipeline steps are. Put it into a registered component of its own workspace, or submit this job with az ml.`,
        { code: 'GuardianInput' },
      );
  }
}

function readPipelineStep(value: unknown, file: YamlFile, path: Path): PipelineStepSpec {
  return file.check(pipelineStep, value, path, 'a pipeline job');
}

/** @throws TaskError when the component's file does not exist, or it is no command or pipeline component */
export function readComponent(
  source: string | Readonly<Record<string, unknown>>,
  file: YamlFile,
  path: Path,
  folder: string,
): Component {
  if (typeof source !== 'string') return componentOf(source, file, path, folder, true);
  const place = source.replace(/^file:/, '');
  if (isRemote(place)) return { kind: 'registered', reference: place };
  const absolute = localPath(folder, place);
  let text: string;
  try {
    text = readFileSync(absolute, 'utf8');
  } catch (error) {
    throw new TaskError(
      `${file.name}, line ${file.lineOf(path)}: the component file ${absolute} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}). Paths are relative to the file that names them.`,
      { code: 'GuardianInput', cause: error },
    );
  }
  const component = YamlFile.parse(text, absolute);
  return componentOf(component.plain(), component, [], dirname(absolute), false);
}

function componentOf(value: unknown, file: YamlFile, path: Path, folder: string, isInline: boolean): Component {
  const { type = 'command' } = value as { type?: unknown };
  if (type === 'command')
    return {
      kind: 'command',
      folder,
      isInline,
      spec: file.check(commandComponent, value, path, 'a command component'),
    };
  if (type === 'pipeline') {
    const spec = file.check(pipelineComponent, value, path, 'a pipeline component');
    return { kind: 'pipeline', folder, isInline, spec, steps: readSteps(spec.jobs, file, [...path, 'jobs'], folder) };
  }
  throw new TaskError(
    `${file.name}, line ${file.lineOf([...path, 'type'])}: components of type ${JSON.stringify(type)} are not supported; command and pipeline components are. Register it, and name it as azureml:name:version.`,
    { code: 'GuardianInput' },
  );
}
