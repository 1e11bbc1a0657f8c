/** What a pipeline step needs of a registered command component: its specification as the client registered it, in the names of the YAML schema. */
export interface FoundComponent {
  /** ARM id of the version. */
  id: string;
  spec: Record<string, unknown>;
}

/** Finds component versions by ARM id, `azureml:name:version` or `azureml:name@latest`; undefined when there is none. */
export type ComponentLookup = (reference: string) => FoundComponent | undefined;
