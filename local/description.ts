/** What `npm run local` prints as its first line: everything that a client needs to talk to local Azure. */
export interface LocalDescription {
  /** Azure Resource Manager, without a trailing slash. */
  arm: string;
  /** Sign-in authority, without the tenant. */
  authority: string;
  /** Base of the scoring URIs. */
  inference: string;
  /** MLflow tracking URI of the workspace. */
  mlflow: string;
  /** Blob service with the account's name, path style. */
  blob: string;
  /** File with the certificate of the CA that all of these present. */
  ca: string;
  tenantId: string;
  clientId: string;
  clientSecret: string;
  subscriptionId: string;
  resourceGroup: string;
  workspace: string;
  region: string;
  /** File with administrator access to the local Kubernetes API. */
  kubeconfig: string;
}
