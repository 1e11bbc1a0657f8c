import type { Collection } from '../../journal';
import type { ModelProperties, ModelStore } from '../assets/models';
import type { StoredContainer, StoredVersion } from '../assets/version-store';
import type { AzureContext } from '../context';
import type { ArtifactAddresses } from './artifact-addresses';
import { MlflowError } from './mlflow-error';
import { asPairs } from './mlflow-fields';

type Version = StoredVersion<ModelProperties>;

/** Source: mlflow/entities/model_registry/model_version_stages.py */
export const stages = ['None', 'Staging', 'Production', 'Archived'];

/** MLflow's view of the workspace's models: the same store that ARM shows, and the aliases, which only MLflow has. */
export class MlflowRegistry {
  /** `{model}/{alias}` to version. */
  readonly #aliases: Collection<string>;
  /** `{model}/{version}` to stage, for versions that have one. */
  readonly #stages: Collection<string>;

  constructor(
    private readonly context: AzureContext,
    readonly models: ModelStore,
  ) {
    this.#aliases = context.journal.collection('model-aliases');
    this.#stages = context.journal.collection('model-stages');
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
    const newest = this.models.get(name, this.models.container(name)?.latestVersion ?? '');
    // Only when the newest one is archived are the others looked at.
    if (!newest?.properties.isArchived) return newest;
    return this.models.resolve(name, { label: 'latest' }, properties => properties.isArchived);
  }

  /** MLflow's own stage of a version; ARM does not show it. */
  stage({ name, version }: Version): string {
    return this.#stages.get(`${name}/${version}`) ?? 'None';
  }

  setStage({ name, version }: Version, stage: string): void {
    this.#stages.set(`${name}/${version}`, stage);
  }

  /** The newest version of every stage that has one, in the order of the stages. */
  latestByStage(name: string): Version[] {
    const newest = new Map<string, Version>();
    const consider = (version: Version | undefined): void => {
      if (!version || version.properties.isArchived) return;
      const stage = this.stage(version);
      if ((newest.get(stage)?.order ?? -1) < version.order) newest.set(stage, version);
    };
    consider(this.latest(name));
    for (const key of this.#stages.keysWithPrefix(`${name}/`))
      consider(this.models.get(name, key.slice(name.length + 1)));
    return stages.flatMap(stage => newest.get(stage) ?? []);
  }

  /** Deletes a version with the aliases that point to it. */
  deleteVersion({ name, version }: Version): void {
    for (const { alias, version: pointed } of this.#aliasesOf(name))
      if (pointed === version) this.deleteAlias(name, alias);
    this.#stages.delete(`${name}/${version}`);
    this.models.delete(name, version);
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
  modelMessage(found: StoredContainer, addresses: ArtifactAddresses): Record<string, unknown> {
    const latest = this.latest(found.name);
    const shown = this.latestByStage(found.name);
    return {
      name: found.name,
      creation_timestamp: Date.parse(found.createdAt),
      last_updated_timestamp: Date.parse(latest?.lastModifiedAt ?? found.createdAt),
      description: found.description ?? '',
      tags: asPairs(found.tags),
      aliases: this.#aliasesOf(found.name),
      latest_versions: shown.map(version => this.versionMessage(version, addresses)),
    };
  }

  /** A model version in MLflow's answers. */
  versionMessage(found: Version, addresses: ArtifactAddresses): Record<string, unknown> {
    const { properties } = found;
    const aliases = this.#aliasesOf(found.name).filter(({ version }) => version === found.version);
    return {
      name: found.name,
      version: found.version,
      creation_timestamp: Date.parse(found.createdAt),
      last_updated_timestamp: Date.parse(found.lastModifiedAt),
      current_stage: this.stage(found),
      description: properties.description ?? '',
      user_id: this.context.identity.clientId,
      source: addresses.ofPlace(properties.place),
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
