import { createHmac } from 'node:crypto';
import { messageOf, Unavailable } from '../shared/failure';

/** What is told of a video; the same content with the same id however often it is sent. */
export interface Notice {
  id: string;
  type: 'decided' | 'review-requested';
  videoId: string;
  correlationId: string;
  fileName: string;
  outcome: string;
  reasons: string[];
  at: string;
}

export type Deliver = (notice: Notice) => Promise<void>;

/**
 * Posts the notice. `x-guardian-signature` is the HMAC-SHA256 of the body; receivers know a repeated notice by `idempotency-key`.
 * @throws Unavailable unless it is answered with 2xx
 */
export function webhook(url: string, secret: () => string | undefined): Deliver {
  return async notice => {
    const body = JSON.stringify(notice);
    const key = secret();
    let response: Response;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': notice.id,
          'x-correlation-id': notice.correlationId,
          ...(key === undefined
            ? {}
            : { 'x-guardian-signature': `sha256=${createHmac('sha256', key).update(body).digest('hex')}` }),
        },
        body,
        signal: AbortSignal.timeout(10_000),
      });
    } catch (error) {
      throw new Unavailable(`The webhook cannot be reached: ${messageOf(error)}`);
    }
    if (!response.ok)
      throw new Unavailable(`The webhook answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
  };
}
