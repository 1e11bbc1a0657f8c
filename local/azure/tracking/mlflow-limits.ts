import { MlflowError } from './mlflow-error';

/** Limits of one log-batch. Source: MLflow REST API documentation, "Log Batch". */
const batchLimits = { metrics: 1000, params: 100, tags: 100 };
const batchTotal = 1000;
/** Longest texts. Source: mlflow/utils/validation.py of mlflow 2.22; longer ones are refused. */
const longest = { key: 250, param: 6000, tag: 8000 };
/** Characters of a key. Source: the same. */
const keyPattern = /^[/\w.\- :]*$/;

/** Checks the names and values that a request logs. @throws MlflowError INVALID_PARAMETER_VALUE in MLflow's words */
export function checkEntities(o: {
  metrics?: string[];
  params?: Record<string, string>;
  tags?: Record<string, string>;
}): void {
  const { metrics = [], params = {}, tags = {} } = o;
  const counts = { metrics: metrics.length, params: Object.keys(params).length, tags: Object.keys(tags).length };
  for (const kind of ['metrics', 'params', 'tags'] as const) {
    if (counts[kind] > batchLimits[kind])
      refuse(`A batch logging request can contain at most ${batchLimits[kind]} ${kind}. Got ${counts[kind]} ${kind}.`);
  }
  const total = counts.metrics + counts.params + counts.tags;
  if (total > batchTotal)
    refuse(
      `A batch logging request can contain at most ${batchTotal} metrics, params, and tags in total. Got ${total}.`,
    );
  for (const key of metrics) checkKey('metric', key);
  for (const [key, value] of Object.entries(params)) {
    checkKey('parameter', key);
    checkLength('Param value', key, value, longest.param);
  }
  for (const [key, value] of Object.entries(tags)) {
    checkKey('tag', key);
    checkLength('Tag value', key, value, longest.tag);
  }
}

function checkKey(kind: string, key: string): void {
  if (key.length > longest.key)
    refuse(
      `${kind} name '${key.slice(0, 250)}' had length ${key.length}, which exceeded length limit of ${longest.key}`,
    );
  if (!keyPattern.test(key) || key.startsWith('/') || key.split('/').includes('..'))
    refuse(
      `Invalid ${kind} name: '${key}'. Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).`,
    );
}

function checkLength(what: string, key: string, value: string, limit: number): void {
  if (value.length > limit)
    refuse(`${what} of '${key}' had length ${value.length}, which exceeded length limit of ${limit}`);
}

function refuse(message: string): never {
  throw new MlflowError('INVALID_PARAMETER_VALUE', message);
}
