import { findTasks, type TaskDefinition } from '../agent/task-definition';

/** The tasks that a pipeline may use. */
export class TaskCatalog {
  private readonly tasks: TaskDefinition[];

  /** @throws Error when a task's folder cannot be read. */
  constructor(folders: string[]) {
    this.tasks = findTasks(folders);
  }

  /**
   * The task that `Name@Major` or its id means, in its newest version of that major.
   * @throws Error that lists what there is.
   */
  find(reference: string): TaskDefinition {
    const [name = '', major] = reference.split('@');
    const wanted = name.toLowerCase();
    const found = this.tasks
      .filter(task => task.name.toLowerCase() === wanted || task.id.toLowerCase() === wanted)
      .filter(task => major === undefined || String(task.version.major) === major.split('.')[0])
      .sort((a, b) => versionNumber(b) - versionNumber(a))[0];
    if (found) return found;
    const known = this.tasks.map(task => `${task.name}@${task.version.major}`).join(', ') || 'none';
    throw new Error(
      `A task is missing. The pipeline references a task called '${reference}'. Installed are: ${known}.`,
    );
  }
}

function versionNumber({ version }: TaskDefinition): number {
  return (version.major * 10_000 + version.minor) * 10_000 + version.patch;
}
