import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { fastify } from 'fastify';
import { ensureCertificates, type ServerCertificate } from '../certificates';
import type { LocalDescription } from '../description';
import { Journal } from '../journal';
import { newRequestId } from './arm/arm-error';
import { Operations } from './arm/operations';
import type { EnvironmentProperties } from './assets/environment-lookup';
import { environmentLookup } from './assets/environments';
import { modelLookup, type ModelProperties } from './assets/models';
import { VersionStore } from './assets/version-store';
import { startAzurite } from './blob/azurite';
import { BlobStore } from './blob/blob-store';
import type { PreparePython } from './compute/python';
import type { AzureContext } from './context';
import { Directory } from './directory/directory';
import { armIdOfWorkspace, ensureIdentity } from './identity';
import { JobStore } from './jobs/job-record';
import { registerRoutes } from './routes';
import { lockStateDir } from './state-lock';
import { RunStore } from './tracking/run-store';
import { ensureDatastoreContainers } from './workspace/datastores';

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
  /** Makes the Python of a job's environment; local/python unless given. */
  preparePython?: PreparePython;
  log: (line: string) => void;
}

export interface LocalAzure {
  /** What a client needs to know. All URLs without a slash at the end. */
  description: Omit<LocalDescription, 'kubeconfig'>;
  /** A second service principal, without any role assignment. */
  noAccess: { clientId: string; clientSecret: string };
  /** Where a pipeline job gets its ID tokens (SYSTEM_OIDCREQUESTURI). */
  oidcRequestUri: string;
  /** The pipeline job's own token (System.AccessToken). */
  systemAccessToken: string;
  certificate: ServerCertificate;
  /** What was slow to make and has been found ready, since the start. */
  reused(): string[];
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
    const journal = await Journal.open(join(stateDir, 'azure.journal'));
    undo.push(() => journal.close());
    const certificate = await ensureCertificates(join(stateDir, 'certificates'));
    const { storage, systemAccessToken, ...identity } = ensureIdentity(journal);

    const azurite = await startAzurite({
      stateDir,
      port: o.port === 0 ? 0 : o.port + 1,
      account: storage,
      certificate,
      log,
    });
    undo.push(() => azurite.stop());

    const listening: { url?: string } = {};
    const baseUrl = (): string => {
      if (listening.url === undefined) throw new Error('Local Azure does not listen yet.');
      return listening.url;
    };
    const directory = await Directory.open({
      journal,
      tenantId: identity.tenantId,
      baseUrl,
      accessTokenSeconds: o.accessTokenSeconds ?? 3599,
      pipelineTokenSeconds: o.pipelineTokenSeconds ?? 600,
    });
    const principal = directory.ensurePrincipal('guardian-ai-pipelines', true);
    const stranger = directory.ensurePrincipal('without-role-assignments', false);

    const abort = new AbortController();
    const used = new Map<string, boolean>();
    const onStart: (() => Promise<void>)[] = [];
    const workspaceArmId = armIdOfWorkspace(identity);
    const stores = {
      models: new VersionStore<ModelProperties>(journal, 'models'),
      environments: new VersionStore<EnvironmentProperties>(journal, 'environments'),
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
      blobs: new BlobStore(storage, azurite.url, certificate.ca),
      operations: new Operations(journal, { ...identity, baseUrl, signal: abort.signal, log }),
      directory,
      models: modelLookup(() => context, stores.models),
      environments: environmentLookup(() => context, stores.environments),
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
      bodyLimit: 64 * 1024 * 1024,
      forceCloseConnections: true,
    });
    await registerRoutes(app, context, {
      ...stores,
      systemAccessToken,
      preparePython: o.preparePython ?? preparePythonEnvironment,
    });
    await app.listen({ host: '127.0.0.1', port: o.port });
    listening.url = `https://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    undo.push(() => app.close());
    undo.push(async () => {
      abort.abort();
      await context.operations.idle();
    });

    await ensureDatastoreContainers(context);
    context.operations.settleInterrupted();
    for (const action of onStart) await action();
    return {
      description: {
        arm: baseUrl(),
        authority: baseUrl(),
        inference: `${baseUrl()}/inference`,
        mlflow: `${baseUrl()}/mlflow/v1.0${workspaceArmId}`,
        blob: azurite.url,
        ca: certificate.caFile,
        tenantId: identity.tenantId,
        clientId: principal.clientId,
        clientSecret: principal.clientSecret,
        subscriptionId: identity.subscriptionId,
        resourceGroup: identity.resourceGroup,
        workspace: identity.workspace,
        region: identity.region,
      },
      noAccess: { clientId: stranger.clientId, clientSecret: stranger.clientSecret },
      oidcRequestUri: `${baseUrl()}/_devops/oidctoken`,
      systemAccessToken,
      certificate,
      reused: () => [...used].filter(([, wasThere]) => wasThere).map(([what]) => what),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

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
