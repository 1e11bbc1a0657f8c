import { join } from 'node:path';
import { OperationError } from '../arm/operations';
import type { PreparePython } from '../compute/python';
import type { AzureContext } from '../context';
import { BuildLog } from './build-log';
import type { Image } from './execute-dockerfile';

export interface PythonImage {
  /** Names the build log. */
  name: string;
  version: string;
  /** pip requirement lines. */
  requirements: string[];
  /** Folder of the scoring script; the container's working directory. */
  folder: string;
  environment: Record<string, string>;
}

/**
 * An image whose command is the inference server for Python, with a Python of these packages: what the service makes of a scoring script,
 * or of an MLflow model without one. @throws OperationError ImageBuildFailure
 */
export async function pythonImage(
  { name, version, requirements, folder, environment }: PythonImage,
  context: AzureContext,
  preparePython: PreparePython,
): Promise<Image> {
  const log = new BuildLog(context, name, version);
  try {
    const { python, binDir, reused } = await preparePython({
      requirements,
      cacheDir: context.cacheDir,
      log: line => log.line(line),
      signal: context.signal,
    });
    context.noteUse(`the Python environment of ${name}`, reused);
    log.line(`Python of ${name}:${version}: ${python}${reused ? ' (was there before)' : ''}`);
    return {
      root: folder,
      workdir: '/',
      command: [python, '-u', join(__dirname, 'inference_server.py')],
      environment: { PATH: `${binDir}:${process.env['PATH'] ?? ''}`, ...environment },
    };
  } catch (error) {
    context.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    log.line(reason);
    throw new OperationError(
      'ImageBuildFailure',
      `The Python environment of ${name}:${version} could not be made: ${reason}\nFor details see ${log.place}.`,
    );
  } finally {
    await log.close();
  }
}
