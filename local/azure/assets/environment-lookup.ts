import type { AssetWords } from './asset-body';

export interface Route {
  path: string;
  port: number;
}

/** What a PUT of an environment version may hold, with the service's defaults filled in. */
export interface EnvironmentProperties extends AssetWords {
  image: string | null;
  /** conda YAML text; empty when there is none. */
  condaFile: string;
  build: { contextUri: string; dockerfilePath: string } | null;
  inferenceConfig: { livenessRoute?: Route; readinessRoute?: Route; scoringRoute?: Route } | null;
  osType: string;
  environmentType: string;
  autoRebuild: string;
  stage: string;
  provisioningState: string;
}

export interface FoundEnvironment {
  /** ARM id of the version. */
  id: string;
  name: string;
  version: string;
  properties: EnvironmentProperties;
}

/** Finds environments by ARM id, `azureml:name:version`, `azureml:name@latest` or `azureml:{ARM id}`. */
export interface EnvironmentLookup {
  /** Undefined when there is no such environment. @throws ArmError when the reference itself cannot be understood. */
  find(reference: string): FoundEnvironment | undefined;
}
