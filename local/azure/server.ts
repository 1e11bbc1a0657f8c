import { setMaxListeners } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { fastify, type FastifyInstance } from 'fastify';
import { ensureCertificates, type ServerCertificate } from '../certificates';
import type { LocalDescription } from '../description';
import { Journal } from '../journal';
import { RequestLog } from '../requests/request-log';
import type { Plane, RecordedRequest } from '../requests/request-record';
import { watchRequests } from '../requests/watch-requests';
import { addRequestHeaders, ArmError, newRequestId } from './arm/arm-error';
import { sendArmError } from './arm/arm-scope';
import { Operations } from './arm/operations';
import { orInRegistry } from './assets/asset-reference';
import type { EnvironmentProperties } from './assets/environment-lookup';
import { environmentLookup } from './assets/environments';
import { modelLookup, type ModelProperties } from './assets/models';
import { VersionStore } from './assets/version-store';
import { startAzurite, type RunningAzurite } from './blob/azurite';
import { blobGate } from './blob/blob-gate';
import { BlobStore } from './blob/blob-store';
import { serveBlobProxy } from './blob/blob-proxy';
import type { PreparePython } from './compute/python';
import type { AzureContext } from './context';
import { openDevOps, type DevOps } from './devops/devops';
import { Directory } from './directory/directory';
import { ensureManagedIdentity, type ManagedIdentity } from './directory/managed-identity';
import { Faults } from './faults/faults';
import { injectFaults } from './faults/inject-faults';
import { armIdOfWorkspace, ensureIdentity, type WorkspaceNames } from './identity';
import { JobStore } from './jobs/job-record';
import type { EndpointSettings } from './online-endpoints/endpoint-settings';
import { openRegistry } from './registries/registry';
import { registryHostPath } from './registries/registry-routes';
import { registerRoutes, type OpenedStores, type RouteParts } from './routes';
import { lockStateDir } from './state-lock';
import { RunStore } from './tracking/run-store';
import { Datastores } from './workspace/datastores';

export interface LocalAzureOptions {
  /** Port on 127.0.0.1; blobs then get the next one. 0 = any two free ports. */
  port: number;
  stateDir: string;
  /** Where Python environments and images are kept; `.local/cache` in the current folder unless given. */
  cacheDir?: string;
  /** Seconds that an access token lives; 3599 unless given, as in Azure. */
  accessTokenSeconds?: number;
  /** Seconds that a pipeline's ID token lives; 600 unless given, as in Azure DevOps. */
  pipelineTokenSeconds?: number;
  /** What the workspace is called; the names of the worked example unless given. */
  workspace?: WorkspaceNames;
  /** Makes the Python of a job's environment; local/python unless given. */
  preparePython?: PreparePython;
  /** What can be set about online endpoints, for example how long a change of traffic takes. */
  endpointSettings?: Partial<EndpointSettings>;
  /** File of JSON lines to which every request is appended; none unless given. */
  requestLog?: string;
  /** Is told of every request once it has been answered; for tests that check what a client sends. */
  recordRequest?: (request: RecordedRequest) => void;
  log: (line: string) => void;
}

export interface LocalAzure {
  /** What a client needs to know. All URLs without a slash at the end. */
  description: Omit<LocalDescription, 'kubeconfig'>;
  /** A second service principal, without any role assignment. */
  noAccess: { clientId: string; clientSecret: string };
  /** The identity of the agents' machines, for the managed identity forms of sign-in. */
  managedIdentity: ManagedIdentity;
  /** The tenant, to add principals, roles, certificates and federated credentials, to revoke tokens and to change how long they live. */
  directory: Directory;
  /** Azure DevOps: builds, pull requests, variable groups, service connections, permissions. */
  devops: DevOps;
  /** Where a pipeline job gets its ID tokens (SYSTEM_OIDCREQUESTURI). */
  oidcRequestUri: string;
  /** The pipeline job's own token (System.AccessToken). */
  systemAccessToken: string;
  certificate: ServerCertificate;
  /** What was slow to make and has been found ready, since the start. */
  reused(): string[];
  /** Faults on demand. */
  faults: Faults;
  /** What it holds, for who shows it; to be read only. */
  stores: OpenedStores & Pick<RouteParts, 'models' | 'jobs' | 'runs'> & { blobs: BlobStore };
  /** Makes another server's requests count as requests to this cloud, for the request log and for faults. Call before its routes are registered. */
  watch(app: FastifyInstance, plane: Plane): void;
  /** Object id that a token for AKS speaks for, as the cluster knows its users; undefined for any other token. */
  kubernetesUser(token: string): Promise<string | undefined>;
  /** Ends everything that belongs to it: jobs, instances, Azurite, the server. Harmless the second time. */
  stop(): Promise<void>;
}

/**
 * Starts local Azure: Entra ID, Resource Manager, Azure Machine Learning, run history, MLflow and blobs on 127.0.0.1 with TLS.
 * State is kept in `stateDir` and found again by the next start there, on any port.
 * @throws Error when the folder is in use or a port is taken.
 */
export async function startLocalAzure(o: LocalAzureOptions): Promise<LocalAzure> {
  const stateDir = resolve(o.stateDir);
  const { log } = o;
  // What has been started, to be undone in the opposite order.
  const undo: (() => Promise<void> | void)[] = [lockStateDir(stateDir)];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= undoAll(undo, log));
  try {
    const requestLog = o.requestLog === undefined ? undefined : new RequestLog(o.requestLog);
    undo.push(() => requestLog?.close());
    const recorded = (request: RecordedRequest): void => {
      requestLog?.write(request);
      o.recordRequest?.(request);
    };
    const watched = { faults: false, log: requestLog !== undefined || o.recordRequest !== undefined };
    const started: { azurite?: RunningAzurite; blobUrl?: string; directory?: Directory; url?: string } = {};
    const faults = new Faults(any => {
      watched.faults = any;
      started.azurite?.watch(watched);
    });
    const journal = await Journal.open(join(stateDir, 'azure.journal'));
    undo.push(() => journal.close());
    const certificate = await ensureCertificates(join(stateDir, 'certificates'));
    const { storage, systemAccessToken, ...identity } = ensureIdentity(journal, o.workspace);

    // The slowest part; what follows is done, and loaded, meanwhile.
    const azurite = await startAzurite({
      stateDir,
      port: o.port === 0 ? 0 : o.port + 1,
      account: storage,
      certificate,
      gate: blobGate({ directory: () => required(started.directory), faults, recorded, newRequestId }),
      log,
    });
    undo.push(() => azurite.stop());
    started.azurite = azurite;
    azurite.watch(watched);

    const baseUrl = (): string => required(started.url);
    const directory = await Directory.open({
      journal,
      tenantId: identity.tenantId,
      baseUrl,
      accessTokenSeconds: o.accessTokenSeconds ?? 3599,
      pipelineTokenSeconds: o.pipelineTokenSeconds ?? 600,
    });
    started.directory = directory;
    const principal = directory.ensurePrincipal('guardian-ai-pipelines', true);
    const stranger = directory.ensurePrincipal('without-role-assignments', false);
    const managedIdentity = ensureManagedIdentity(
      directory,
      `/subscriptions/${identity.subscriptionId}/resourceGroups/${identity.resourceGroup}`,
      systemAccessToken,
    );

    const devops = openDevOps({
      journal,
      directory,
      folder: join(stateDir, 'devops'),
      baseUrl,
      accessToken: systemAccessToken,
    });
    devops.builds.settleInterrupted();
    devops.organization.addServiceConnection(azureServiceConnection, principal.clientId);

    const abort = new AbortController();
    // Every running job and container listens for the stop.
    setMaxListeners(0, abort.signal);
    const used = new Map<string, boolean>();
    const onStart: (() => Promise<void>)[] = [];
    const workspaceArmId = armIdOfWorkspace(identity);
    const stores = {
      models: new VersionStore<ModelProperties>(journal, 'models'),
      environments: new VersionStore<EnvironmentProperties>(journal, 'environments'),
      registry: openRegistry(journal, () => context),
      jobs: new JobStore(journal),
      runs: new RunStore(journal),
    };
    const context: AzureContext = {
      identity: { ...identity, clientId: principal.clientId, clientSecret: principal.clientSecret },
      get baseUrl() {
        return baseUrl();
      },
      workspaceArmId,
      journal,
      blobs: new BlobStore(storage, () => required(started.blobUrl), certificate.ca),
      datastores: new Datastores(journal, identity.workspaceId, storage),
      operations: new Operations(journal, {
        ...identity,
        baseUrl,
        failureOf: resource => faults.takeOperationFailure(resource),
        signal: abort.signal,
        log,
      }),
      directory,
      models: {
        find: orInRegistry(
          modelLookup(stores.models, () => context),
          modelLookup(stores.registry.models, () => stores.registry.context),
        ),
      },
      environments: {
        find: orInRegistry(
          environmentLookup(stores.environments, () => context),
          environmentLookup(stores.registry.environments, () => stores.registry.context),
        ),
      },
      certificate,
      stateDir,
      cacheDir: resolve(o.cacheDir ?? join('.local', 'cache')),
      signal: abort.signal,
      log,
      noteUse: (what, wasThere) => {
        if (!used.has(what)) used.set(what, wasThere);
      },
      onStart: action => onStart.push(action),
      onStop: action => undo.push(action),
    };

    const app = fastify({
      serverFactory: handler => createServer({ cert: certificate.cert, key: certificate.key }, handler),
      routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, maxParamLength: 2048 },
      genReqId: newRequestId,
      rewriteUrl: ({ url = '/' }) => {
        // The lists of Azure DevOps' editor are asked for with two slashes at the start, which Resource Manager takes for one.
        const path = url.replace(/^\/{2,}/, '/');
        return path.toLowerCase().startsWith(`${registryHostPath}/`) ? path.slice(registryHostPath.length) : path;
      },
      bodyLimit: 64 * 1024 * 1024,
      // A path that cannot be decoded belongs to no plane yet.
      frameworkErrors: (_error, request, reply) => {
        addRequestHeaders(request, reply, identity.region);
        sendArmError(new ArmError(400, 'BadRequest', 'The request URI is invalid.'), request, reply, context);
      },
      forceCloseConnections: true,
    });
    const watch = (server: FastifyInstance, plane?: Plane): void => {
      watchRequests(server, recorded, plane);
      injectFaults(server, faults, plane);
    };
    watch(app);
    const opened = await registerRoutes(app, context, {
      ...stores,
      devops,
      faults,
      managedIdentity,
      preparePython: o.preparePython ?? preparePythonEnvironment,
      endpointSettings: o.endpointSettings,
    });
    const blobUrl = await azurite.url;
    started.blobUrl = blobUrl;
    await app.listen({ host: '127.0.0.1', port: o.port });
    started.url = `https://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    undo.push(() => app.close());
    undo.push(serveBlobProxy(app.server, storage.name, Number(new URL(blobUrl).port)));
    undo.push(async () => {
      abort.abort();
      await context.operations.idle();
    });

    await Promise.all(context.datastores.ownContainers.map(name => context.blobs.container(name)));
    context.operations.settleInterrupted();
    for (const action of onStart) await action();
    return {
      description: {
        arm: baseUrl(),
        authority: baseUrl(),
        inference: `${baseUrl()}/inference`,
        mlflow: `${baseUrl()}/mlflow/v1.0${workspaceArmId}`,
        blob: blobUrl,
        ca: certificate.caFile,
        tenantId: identity.tenantId,
        clientId: principal.clientId,
        clientSecret: principal.clientSecret,
        subscriptionId: identity.subscriptionId,
        resourceGroup: identity.resourceGroup,
        workspace: identity.workspace,
        region: identity.region,
      },
      managedIdentity,
      directory,
      devops,
      noAccess: { clientId: stranger.clientId, clientSecret: stranger.clientSecret },
      oidcRequestUri: `${baseUrl()}/_devops/oidctoken`,
      systemAccessToken,
      certificate,
      faults,
      stores: { ...stores, ...opened, blobs: context.blobs },
      kubernetesUser: token =>
        directory.identify(token, 'kubernetes').then(
          caller => caller.objectId,
          () => undefined,
        ),
      watch,
      reused: () => [...used].filter(([, wasThere]) => wasThere).map(([what]) => what),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @throws Error for what is asked for before local Azure has got that far */
function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('Local Azure does not listen yet.');
  return value;
}

/** The service connection of the sample pipelines; its ID tokens sign the first principal in. */
const azureServiceConnection = { id: 'a5d6e1c4-3f5b-4c0e-9d43-2f1c5b8e7a01', name: 'guardian-azure-connection' };

/** Loaded when the first job needs it. */
const preparePythonEnvironment: PreparePython = async o => {
  const { preparePython } = await import('../python/python-environment.js');
  return preparePython(o);
};

async function undoAll(undo: (() => Promise<void> | void)[], log: (line: string) => void): Promise<void> {
  for (let action = undo.pop(); action; action = undo.pop()) {
    try {
      await action();
    } catch (error) {
      log(`While stopping: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
}
