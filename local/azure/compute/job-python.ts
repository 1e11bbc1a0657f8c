import { join } from 'node:path';
import { OperationError } from '../arm/operations';
import { ImageBuilder } from '../images/image-builder';
import { condaRequirements } from './conda-requirements';
import { JobError } from './job-error';
import type { JobFiles } from './job-files';
import { JobLog } from './job-log';

/** What the node runs a job's command with. */
export interface NodePython {
  /** Folders of programs for the front of PATH, in PATH's form. */
  binDir: string;
  /** Variables that the image sets. */
  environment: Record<string, string>;
}

/** Path of the log among the job's artifacts. */
const buildLog = 'azureml-logs/20_image_build_log.txt';

/**
 * Makes the job's environment ready: a Python with the packages of its conda file, or the image of its build context. The log goes to
 * azureml-logs, as the image build's does on Azure. @throws JobError when it cannot be made
 */
export async function bringPython(o: JobFiles): Promise<NodePython> {
  const { job, request, context } = o;
  const environment = context.environments.find(request.environmentId);
  if (!environment) throw new JobError(`The environment ${request.environmentId} is no longer there.`);
  const log = JobLog.open(context.blobs, job.name, buildLog, error =>
    context.log(`Job ${job.name}: build log not written: ${String(error)}`),
  );
  const tell = (line: string): void => {
    log.line(line);
    context.log(`Job ${job.name}: ${line}`);
  };
  try {
    if (environment.properties.build) {
      const image = await new ImageBuilder(context).image(environment);
      tell(`Image of ${environment.name}:${environment.version} is at ${image.root}.`);
      const programs = ['usr/local/bin', 'usr/bin', 'bin'].map(folder => join(image.root, folder));
      return { binDir: programs.join(':'), environment: image.environment };
    }
    const requirements = condaRequirements(environment.properties.condaFile);
    const { cacheDir } = context;
    const { binDir, reused } = await o.parts.preparePython({ requirements, cacheDir, log: tell, signal: o.signal });
    if (requirements.length > 0) context.noteUse('the Python environment of the training jobs', reused);
    return { binDir, environment: {} };
  } catch (error) {
    o.signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    log.line(why);
    if (error instanceof OperationError)
      throw new JobError(`Image build failed. For more details, check log file ${buildLog}. ${why}`, { cause: error });
    throw new JobError(
      `Image build failed: the environment ${environment.name}:${environment.version} could not be made. For more details, check log file ${buildLog}. ${why}`,
      { cause: error },
    );
  } finally {
    await log.close();
  }
}
