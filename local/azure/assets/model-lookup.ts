import type { BlobPlace } from '../blob/blob-store';

export interface FoundModel {
  /** ARM id of the version. */
  id: string;
  name: string;
  version: string;
  /** `custom_model`, `mlflow_model` or `triton_model`. */
  type: string;
  /** Where its files lie: a folder prefix or one blob. `BlobStore.download` takes both. */
  place: BlobPlace;
}

/** Finds registered models by whatever a request body may hold: an ARM id, `azureml:name:version`, `azureml:name@latest`, `azureml:{ARM id}`. */
export interface ModelLookup {
  /** Undefined when there is no such model. @throws ArmError when the reference itself cannot be understood or points to another workspace or registry. */
  find(reference: string): FoundModel | undefined;
}
