import { request } from 'node:https';
import type { LocalDescription } from '../description';

export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** One https request that trusts the given CA. Rejects on a connection error only; the status is the caller's to judge. */
export function send(
  url: string,
  options: {
    method?: string;
    headers?: Record<string, string>;
    body?: Buffer | string;
    ca: string;
    signal?: AbortSignal;
  },
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: options.method ?? 'GET',
        headers: options.headers,
        ca: options.ca,
        ...(options.signal ? { signal: options.signal } : {}),
      },
      incoming => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
        );
      },
    );
    outgoing.once('error', reject);
    outgoing.end(options.body);
  });
}

/** What an outsider with the service principal's login sees of the workspace: the story's claims are read back through it. */
export class AzureReader {
  private token: string | undefined;

  constructor(
    private readonly local: LocalDescription,
    private readonly ca: string,
  ) {}

  /** `path` is below the workspace, for example `onlineEndpoints/x`. Throws with the service's text on any status but 2xx. */
  async read<T>(path: string, method: 'GET' | 'POST' = 'GET'): Promise<T> {
    this.token ??= await this.signIn();
    const { arm, subscriptionId, resourceGroup, workspace } = this.local;
    const scope = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
    const url = `${arm}${scope}/providers/Microsoft.MachineLearningServices/workspaces/${workspace}/${path}?api-version=2023-10-01`;
    const answer = await send(url, { method, headers: { authorization: `Bearer ${this.token}` }, ca: this.ca });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}`);
    return JSON.parse(answer.body.toString()) as T;
  }

  /** @returns a fresh token */
  async signIn(): Promise<string> {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: this.local.clientId,
      client_secret: this.local.clientSecret,
      scope: `${this.local.arm}/.default`,
    });
    const answer = await send(`${this.local.authority}/${this.local.tenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      ca: this.ca,
    });
    if (answer.status !== 200) throw new Error(`Sign-in failed: ${answer.status} ${answer.body.toString()}`);
    return (JSON.parse(answer.body.toString()) as { access_token: string }).access_token;
  }
}
