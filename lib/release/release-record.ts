import { metricsInTags, tag, type Tags } from './tags';

/**
 * What a later task needs of the `release-record.json` of an earlier one; the rest is carried on as it is.
 * The whole form is in docs/release-record.schema.json.
 */
export interface ReleaseRecord {
  readonly training?: object;
  readonly model: {
    readonly name: string;
    readonly version: string;
    readonly digest?: string;
    /** `azureml://registries/…`, when the version was shared. */
    readonly registryId?: string;
  };
  readonly verdict?: string;
  readonly gates?: readonly object[];
  /** The change of live traffic that the earlier task made, when it made one. */
  readonly release?: object;
  /** Those before it, the oldest first. */
  readonly earlier?: readonly object[];
}

/** The record of a text, or what is wrong with it, completing "The release record …". */
export function parseReleaseRecord(text: string): ReleaseRecord | string {
  let record: (Partial<ReleaseRecord> & { schemaVersion?: unknown }) | null;
  try {
    record = JSON.parse(text) as typeof record;
  } catch (error) {
    return `is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (record?.schemaVersion !== 1)
    return 'has not the form of schemaVersion 1, which RegisterModel, DeployOnlineEndpoint and Rollback write';
  const { model } = record;
  if (typeof model?.name !== 'string' || typeof model.version !== 'string')
    return 'names no model and version; that of RegisterModel does';
  return { ...record, model };
}

/** What is carried on into the record of the next change: where the model came from, and every change before. */
export function carriedOn({ training, model, verdict, gates, release, earlier = [] }: ReleaseRecord): object {
  return {
    ...(training ? { training } : {}),
    model,
    ...(verdict ? { verdict } : {}),
    ...(gates ? { gates } : {}),
    ...(release ? { earlier: [...earlier, release] } : earlier.length > 0 ? { earlier } : {}),
  };
}

/** The record's beginning as far as the tags of a model version tell it. @param model `name:version` */
export function fromModelTags(model: string | undefined, tags: Tags): object {
  const [name, version] = model?.split(':') ?? [];
  const metrics = metricsInTags(tags);
  const [job, commit] = [tags[tag.job], tags['guardian.commit']];
  const isTrained = job !== undefined || Object.keys(metrics).length > 0;
  return {
    ...(isTrained ? { training: { job, commit, metrics } } : {}),
    model: { name, version, digest: tags[tag.digest] },
  };
}
