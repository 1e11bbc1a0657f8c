import { createReadStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import {
  BlobSASPermissions,
  BlobServiceClient,
  ContainerSASPermissions,
  SASProtocol,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
  type AppendBlobClient,
  type ContainerClient,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import { ownUserAgent, type StorageAccount } from './azurite';
import { storageSuffix } from './blob-proxy';

/** Transfers at the same time: Azurite is one process on the same cores, so more only wait. */
const parallelTransfers = 4;

export interface BlobPlace {
  container: string;
  /** Without a slash at the start. */
  path: string;
}

export interface ListedBlob {
  path: string;
  /** Bytes. */
  size: number;
  lastModified: Date;
}

/** The storage account of the workspace, over Azurite. Places are container and path, never URLs: the port differs from start to start. */
export class BlobStore {
  readonly #credential: StorageSharedKeyCredential;
  readonly #made = new Map<string, Promise<ContainerClient>>();
  #connected: { service: BlobServiceClient; url: string } | undefined;

  /** `urlOf` gives `https://127.0.0.1:PORT/ACCOUNT`, without a slash at the end, once the blob service listens; it is not asked before the first use. */
  constructor(
    readonly account: StorageAccount,
    private readonly urlOf: () => string,
    private readonly ca: string,
  ) {
    this.#credential = new StorageSharedKeyCredential(account.name, account.key);
  }

  /** `https://127.0.0.1:PORT/ACCOUNT`, without a slash at the end. */
  get url(): string {
    return this.#service().url;
  }

  /** The container, made at first use. */
  container(name: string): Promise<ContainerClient> {
    let made = this.#made.get(name);
    if (!made) {
      const client = this.#service().service.getContainerClient(name);
      made = client.createIfNotExists().then(() => client);
      made.catch(() => this.#made.delete(name));
      this.#made.set(name, made);
    }
    return made;
  }

  #service(): { service: BlobServiceClient; url: string } {
    if (this.#connected) return this.#connected;
    // The storage client hands all options on to its pipeline, but its types leave out the one for the CA.
    const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = {
      tlsOptions: { ca: this.ca },
      userAgentOptions: { userAgentPrefix: ownUserAgent },
      retryOptions: { maxTries: 3, retryDelayInMs: 100, maxRetryDelayInMs: 1000 },
    };
    const url = this.urlOf();
    this.#connected = { service: new BlobServiceClient(url, this.#credential, options), url };
    return this.#connected;
  }

  async put(container: string, path: string, content: Buffer | string, contentType?: string): Promise<void> {
    const client = (await this.container(container)).getBlockBlobClient(path);
    await client.uploadData(typeof content === 'string' ? Buffer.from(content) : content, {
      ...(contentType === undefined ? {} : { blobHTTPHeaders: { blobContentType: contentType } }),
    });
  }

  /** Uploads a stream of any length, in blocks of 8 MiB. */
  async putStream(container: string, path: string, content: Readable, contentType?: string): Promise<void> {
    const client = (await this.container(container)).getBlockBlobClient(path);
    await client.uploadStream(content, 8 * 1024 * 1024, 2, {
      ...(contentType === undefined ? {} : { blobHTTPHeaders: { blobContentType: contentType } }),
    });
  }

  /** The whole content, or undefined when there is no such blob. */
  async get(container: string, path: string): Promise<Buffer | undefined> {
    try {
      return await (await this.container(container)).getBlobClient(path).downloadToBuffer();
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** The content as a stream with its length in bytes, or undefined when there is no such blob. */
  async getStream(container: string, path: string): Promise<{ content: Readable; length: number } | undefined> {
    try {
      const answer = await (await this.container(container)).getBlobClient(path).download();
      return { content: answer.readableStreamBody as Readable, length: answer.contentLength ?? 0 };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async exists(container: string, path: string): Promise<boolean> {
    return (await this.container(container)).getBlobClient(path).exists();
  }

  async delete(container: string, path: string): Promise<void> {
    await (await this.container(container)).getBlobClient(path).deleteIfExists();
  }

  /** Whether there is neither a blob of that path nor one below it as a folder. */
  async isEmpty(container: string, path: string): Promise<boolean> {
    const client = await this.container(container);
    const trimmed = path.replace(/\/+$/, '');
    if (trimmed !== '' && (await client.getBlobClient(trimmed).exists())) return false;
    const first = client.listBlobsFlat({ prefix: trimmed === '' ? '' : `${trimmed}/` }).byPage({ maxPageSize: 1 });
    for await (const page of first) return page.segment.blobItems.length === 0;
    return true;
  }

  /** Every blob whose path starts with `prefix`, sorted by path. */
  async list(container: string, prefix: string): Promise<ListedBlob[]> {
    const found: ListedBlob[] = [];
    for await (const item of (await this.container(container)).listBlobsFlat({ prefix })) {
      found.push({
        path: item.name,
        size: item.properties.contentLength ?? 0,
        lastModified: item.properties.lastModified,
      });
    }
    return found;
  }

  /** What lies directly in a folder: blobs, and folders (path with a slash at the end). `folder` is empty or ends with a slash. */
  async listFolder(container: string, folder: string): Promise<{ path: string; isFolder: boolean; size: number }[]> {
    const found: { path: string; isFolder: boolean; size: number }[] = [];
    for await (const item of (await this.container(container)).listBlobsByHierarchy('/', { prefix: folder })) {
      if (item.kind === 'prefix') found.push({ path: item.name, isFolder: true, size: 0 });
      else found.push({ path: item.name, isFolder: false, size: item.properties.contentLength ?? 0 });
    }
    return found;
  }

  /**
   * Downloads everything below a folder prefix into `folder`, or the one blob of that exact path into `folder/{its name}`.
   * @returns the files' paths relative to `folder`, with slashes; empty when there is nothing.
   */
  async download(container: string, prefix: string, folder: string, signal?: AbortSignal): Promise<string[]> {
    const trimmed = prefix.replace(/\/+$/, '');
    const client = await this.container(container);
    const single = trimmed !== '' && (await client.getBlobClient(trimmed).exists());
    const base = single
      ? dirname(trimmed) === '.'
        ? ''
        : `${dirname(trimmed)}/`
      : trimmed === ''
        ? ''
        : `${trimmed}/`;
    const blobs = single ? [{ path: trimmed }] : await this.list(container, base);
    const target = resolve(folder);
    await mkdir(target, { recursive: true });
    return inParallel(blobs, parallelTransfers, async ({ path }) => {
      signal?.throwIfAborted();
      const name = path.slice(base.length);
      const file = resolve(target, ...name.split('/'));
      if (!file.startsWith(target + sep))
        throw new Error(`Blob ${container}/${path} would be written outside the target folder.`);
      await mkdir(dirname(file), { recursive: true });
      await client.getBlobClient(path).downloadToFile(file, 0, undefined, signal ? { abortSignal: signal } : {});
      return name;
    });
  }

  /** Uploads every regular file below `folder`. @returns their paths relative to `folder`, with slashes; empty when there is no such folder. */
  async uploadFolder(folder: string, container: string, prefix: string, signal?: AbortSignal): Promise<string[]> {
    const client = await this.container(container);
    const base = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    return inParallel(await filesBelow(folder), parallelTransfers, async name => {
      signal?.throwIfAborted();
      const file = join(folder, ...name.split('/'));
      const blob = client.getBlockBlobClient(base + name);
      const abort = signal ? { abortSignal: signal } : {};
      if ((await stat(file)).size === 0) await blob.upload('', 0, abort);
      else await blob.uploadStream(createReadStream(file), 8 * 1024 * 1024, 2, abort);
      return name;
    });
  }

  /** An append blob for a growing log, empty at first. */
  async appendBlob(container: string, path: string): Promise<AppendBlobClient> {
    const blob = (await this.container(container)).getAppendBlobClient(path);
    await blob.create({ blobHTTPHeaders: { blobContentType: 'text/plain; charset=utf-8' } });
    return blob;
  }

  /** URL of a blob, or of a container when `path` is empty; paths are percent-encoded, slashes stay. */
  blobUrl(container: string, path = ''): string {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    return `${this.url}/${container}${path === '' ? '' : `/${encoded}`}`;
  }

  /**
   * A URL with a shared access signature. `path` empty = the whole container.
   * `permissions` in the letters of Azure, for example `r`, `rcwl`; `hours` from now.
   */
  sasUrl(container: string, path: string, permissions: string, hours: number): string {
    return `${this.blobUrl(container, path)}?${this.sasToken(container, path, permissions, hours)}`;
  }

  sasToken(container: string, path: string, permissions: string, hours: number): string {
    const now = Date.now();
    return generateBlobSASQueryParameters(
      {
        containerName: container,
        ...(path === '' ? {} : { blobName: path }),
        permissions: path === '' ? ContainerSASPermissions.parse(permissions) : BlobSASPermissions.parse(permissions),
        startsOn: new Date(now - 5 * 60_000),
        expiresOn: new Date(now + hours * 3_600_000),
        protocol: SASProtocol.Https,
      },
      this.#credential,
    ).toString();
  }

  /** Container and path of a blob URL of this account (any port, with or without SAS, account in the path or in the host); undefined for other addresses. */
  locate(url: string): BlobPlace | undefined {
    if (!URL.canParse(url)) return undefined;
    const { protocol, hostname, pathname } = new URL(url);
    const parts = pathname.split('/').slice(1).map(decodeURIComponent);
    const inHost = hostname === `${this.account.name}.blob.${storageSuffix}`;
    if (protocol !== 'https:' || !(inHost || hostname === '127.0.0.1' || hostname === 'localhost')) return undefined;
    const [account, container = '', ...rest] = inHost ? [this.account.name, ...parts] : parts;
    if (account !== this.account.name || container === '') return undefined;
    return { container, path: rest.join('/') };
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter(entry => entry.isFile())
      .map(entry => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function inParallel<T, R>(items: T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}

function isNotFound(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { statusCode?: number }).statusCode === 404;
}
