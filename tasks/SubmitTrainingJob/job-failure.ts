import type { ChildRun, RunDetails } from '../../lib/azureml/run-history';
import { TaskError } from '../../lib/task-error';

/** The failure of a job that ended other than Completed: reason, end of its log, likely cause, next step. */
export function jobFailure(
  job: string,
  status: string,
  {
    details,
    tail,
    failed,
  }: { details: RunDetails | undefined; tail: readonly string[]; failed?: { run: ChildRun } | undefined },
): TaskError {
  const error = details?.error;
  const reason = error
    ? ` The service says${error.code ? ` ${error.code}` : ''}: ${withoutLog(error.message, tail.length > 0)}`
    : '';
  const log =
    tail.length > 0
      ? `The log ends with:\n${tail.map(line => `    ${line}`).join('\n')}`
      : 'It has no log: it ended before its command began.';
  return new TaskError(
    `Job ${job} ended ${status}.${failed ? ` ${failed.run.label} (${failed.run.id}) failed.` : ''}${reason}\n${log}\n${nextStep(status, `${reason}\n${tail.join('\n')}`)}`,
    { code: 'GuardianJobFailed' },
  );
}

/** The service quotes the log's end in its reason; once is enough. */
function withoutLog(message: string, hasTail: boolean): string {
  return (hasTail ? message.replace(/\s*Please check log file [\s\S]*/, '') : message).trim();
}

/** Causes that can be told from reason and log, most telling first. */
const causes: readonly [RegExp, string][] = [
  [/ModuleNotFoundError|ImportError/, "A Python package is missing: add it to the environment's conda file or image."],
  [
    /CUDA out of memory|OutOfMemoryError|MemoryError|(?:code|status):? ?137|SIGKILL|Killed$/im,
    'The node ran out of memory: lower the batch size or take a larger instance type.',
  ],
  [
    /No such file or directory|FileNotFoundError/,
    'A path is wrong: the command runs in the code folder, and inputs are mounted where ${{inputs.…}} says.',
  ],
  [
    /image build|ImageBuild|pip failed|Could not find a version|ResolvePackageNotFound/i,
    'The environment cannot be built: check its conda file or Dockerfile.',
  ],
  [/command not found|(?:code|status):? ?127/i, 'The image lacks the program that the command calls.'],
  [
    /No space left on device/i,
    "The node's disk is full: stream the inputs (mode ro_mount) or take a larger instance type.",
  ],
  [/NaN|diverge/i, 'The training diverged: check the data, and lower the learning rate.'],
];

function nextStep(status: string, text: string): string {
  switch (status) {
    case 'Canceled':
      return 'Somebody cancelled it outside this pipeline, or its own limits.timeout ran out. Run the stage again for a new try.';
    case 'NotResponding':
      return 'Its node was lost; preempted low-priority nodes are a usual cause. Run the stage again for a new try.';
    case 'Paused':
      return 'It was paused in the studio: resume it there and run the stage again to follow it, or cancel it.';
    default:
      return (
        causes.find(([pattern]) => pattern.test(text))?.[1] ??
        'Correct the cause in the training code or its inputs and run the stage again: that makes a new try.'
      );
  }
}
