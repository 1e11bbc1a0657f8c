import type { Collection } from '../../journal';
import type { ModelProperties, ModelStore } from '../assets/models';
import type { StoredContainer, StoredVersion } from '../assets/version-store';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { artifactContainer } from '../workspace/datastores';
import { MlflowError } from './mlflow-error';
import { asPairs } from './mlflow-fields';

type Version = StoredVersion<ModelProperties>;

/** MLflow's view of the workspace's models: the same store that ARM shows, and the aliases, which only MLflow has. */
export class MlflowRegistry {
  /** `{model}/{alias}` to version. */
  readonly #aliases: Collection<string>;

  constructor(
    private readonly context: AzureContext,
    readonly models: ModelStore,
  ) {
    this.#aliases = context.journal.collection('model-aliases');
  }

  /** @throws MlflowError when there is no model of that name */
  container(name: string): StoredContainer {
    const found = this.models.container(name);
    if (!found) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Registered Model with name=${name} not found`);
    return found;
  }

  /** @throws MlflowError when there is no such version */
  version(name: string, number: string): Version {
    this.container(name);
    const found = this.models.get(name, number);
    if (found) return found;
    throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Model Version (name=${name}, version=${number}) not found`);
  }

  /** The version that counts as the latest: created last and not archived. */
  latest(name: string): Version | undefined {
    return this.models.versions(name).findLast(found => !found.properties.isArchived);
  }

  alias(name: string, alias: string): string | undefined {
    return this.#aliases.get(`${name}/${alias}`);
  }

  setAlias(name: string, alias: string, version: string): void {
    this.#aliases.set(`${name}/${alias}`, version);
  }

  deleteAlias(name: string, alias: string): void {
    this.#aliases.delete(`${name}/${alias}`);
  }

  /** A registered model in MLflow's answers. */
  modelMessage(found: StoredContainer): Record<string, unknown> {
    const latest = this.latest(found.name);
    return {
      name: found.name,
      creation_timestamp: Date.parse(found.createdAt),
      last_updated_timestamp: Date.parse(latest?.lastModifiedAt ?? found.createdAt),
      description: found.description ?? '',
      tags: asPairs(found.tags),
      aliases: this.#aliasesOf(found.name),
      latest_versions: latest ? [this.versionMessage(latest)] : [],
    };
  }

  /** A model version in MLflow's answers. */
  versionMessage(found: Version): Record<string, unknown> {
    const { properties } = found;
    const aliases = this.#aliasesOf(found.name).filter(({ version }) => version === found.version);
    return {
      name: found.name,
      version: found.version,
      creation_timestamp: Date.parse(found.createdAt),
      last_updated_timestamp: Date.parse(found.lastModifiedAt),
      current_stage: 'None',
      description: properties.description ?? '',
      user_id: this.context.identity.clientId,
      source: artifactUri(properties.place),
      run_id: properties.jobName ?? '',
      status: 'READY',
      tags: asPairs(properties.tags),
      run_link: '',
      aliases: aliases.map(({ alias }) => alias),
    };
  }

  #aliasesOf(name: string): { alias: string; version: string }[] {
    return this.#aliases
      .keysWithPrefix(`${name}/`)
      .map(key => ({ alias: key.slice(name.length + 1), version: this.#aliases.get(key) ?? '' }));
  }
}

/** The URI under which MLflow's client gets a model's files through the artifact API. */
export function artifactUri(place: BlobPlace): string {
  const ofRun = place.container === artifactContainer ? /^ExperimentRun\/dcid\.([^/]+)\/(.*)$/.exec(place.path) : null;
  if (ofRun) return `mlflow-artifacts:/0/${ofRun[1] ?? ''}/artifacts/${ofRun[2]?.replace(/\/$/, '') ?? ''}`;
  const logged = place.container === artifactContainer ? /^ExperimentRun\/models\/([^/]+)\/$/.exec(place.path) : null;
  if (logged) return `mlflow-artifacts:/0/models/${logged[1] ?? ''}/artifacts`;
  return `mlflow-artifacts:/0/blobs/artifacts/${place.container}/${place.path}`;
}
