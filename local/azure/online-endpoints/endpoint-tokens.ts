import type { Journal } from '../../journal';
import { openTokenSigner, type TokenSigner } from '../directory/directory-tokens';
import type { EndpointRecord } from './endpoint-store';

/** What POST token answers. Times in seconds since the epoch. */
export interface EndpointToken {
  accessToken: string;
  tokenType: 'Bearer';
  expiryTimeUtc: number;
  refreshAfterTimeUtc: number;
}

/** The tokens of `authMode: AMLToken`: JWTs from and for "azureml", good for one endpoint as long as it is not made anew. */
export class EndpointTokens {
  private signer: Promise<TokenSigner> | undefined;

  constructor(
    private readonly journal: Journal,
    private readonly lifetimeSeconds: () => number,
  ) {}

  async issue(endpoint: EndpointRecord): Promise<EndpointToken> {
    const lifetime = this.lifetimeSeconds();
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: azureMl,
      aud: azureMl,
      canRefresh: 'False',
      endpoint: endpoint.name,
      made: endpoint.createdAt,
    };
    const accessToken = await (await this.open()).sign(claims, lifetime);
    return {
      accessToken,
      tokenType: 'Bearer',
      expiryTimeUtc: now + lifetime,
      // The service says that a token of twelve hours is to be renewed after eleven.
      refreshAfterTimeUtc: now + Math.floor((lifetime * 11) / 12),
    };
  }

  async isGood(token: string, endpoint: EndpointRecord): Promise<boolean> {
    try {
      const claims = await (await this.open()).verify(token, { issuer: azureMl, audiences: [azureMl] });
      return claims.endpoint === endpoint.name && claims.made === endpoint.createdAt;
    } catch {
      return false;
    }
  }

  private open(): Promise<TokenSigner> {
    return (this.signer ??= openTokenSigner(this.journal, 'online-endpoints'));
  }
}

const azureMl = 'azureml';
