import { artifactPrefix } from '../assets/data-uri';
import type { BlobPlace } from '../blob/blob-store';
import { artifactContainer } from '../workspace/datastores';
import { MlflowError } from './mlflow-error';

/** Where the artifacts of a logged model (MLflow 3) lie; ends with a slash. */
export function loggedModelPrefix(modelId: string): string {
  return `ExperimentRun/models/${modelId}/`;
}

/**
 * The blob of a path of the proxied artifact API: `{experiment}/{run}/artifacts/{path}` lies with the job's own artifacts,
 * `{experiment}/models/{model id}/artifacts/{path}` with the logged model's.
 * @throws MlflowError for any other path, and for one that would leave its folder
 */
export function artifactPlace(path: string): BlobPlace {
  const segments = path.split('/').filter(segment => segment !== '');
  if (segments.some(segment => segment === '.' || segment === '..'))
    throw new MlflowError('INVALID_PARAMETER_VALUE', `Invalid path: ${path}`);
  const [, second, third] = segments;
  if (second === 'models' && third !== undefined && segments[3] === 'artifacts') {
    return { container: artifactContainer, path: loggedModelPrefix(third) + segments.slice(4).join('/') };
  }
  if (second !== undefined && third === 'artifacts') {
    return { container: artifactContainer, path: artifactPrefix(second) + segments.slice(3).join('/') };
  }
  throw new MlflowError(
    'INVALID_PARAMETER_VALUE',
    `Invalid path: ${path}. Artifacts lie below {experiment}/{run}/artifacts/.`,
  );
}
