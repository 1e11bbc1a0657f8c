import { createHmac } from 'node:crypto';
import { createTransport } from 'nodemailer';
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

/** A way to tell somebody. */
export interface Channel {
  name: string;
  /** Where it goes, as the audit log says it. */
  to: string;
  /** @throws Unavailable unless the receiver has it */
  deliver: (notice: Notice) => Promise<void>;
}

/** Posts the notice. `x-guardian-signature` is the HMAC-SHA256 of the body; receivers know a repeated notice by `idempotency-key`. */
export function webhook(url: string, secret: () => string | undefined): Channel {
  const deliver = async (notice: Notice): Promise<void> => {
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
  return { name: 'webhook', to: url, deliver };
}

export interface MailSettings {
  /** `smtp://user@host:587` or `smtps://user@host`; with a user only over TLS. */
  url: string;
  from: string;
  /** Addresses, separated by commas. */
  to: string;
}

/**
 * Mails the notice. A repeated one has the same Message-ID, by which mail systems drop it.
 * @param password of the user in the URL, as it is when a mail is sent
 */
export function mail({ url, from, to }: MailSettings, password: () => string | undefined): Channel {
  const { protocol, hostname, port, username } = new URL(url);
  const isTls = protocol === 'smtps:';
  const deliver = async (notice: Notice): Promise<void> => {
    const transport = createTransport({
      host: hostname,
      port: port === '' ? (isTls ? 465 : 587) : Number(port),
      secure: isTls,
      ...(username === ''
        ? {}
        : { requireTLS: !isTls, auth: { user: decodeURIComponent(username), pass: password() ?? '' } }),
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 20_000,
    });
    try {
      await transport.sendMail({
        from,
        to,
        subject: `Guardian: ${notice.fileName}: ${notice.type === 'decided' ? notice.outcome : 'a person has to decide'}`,
        text: [...notice.reasons, '', `Video ${notice.videoId}, ${notice.at}`].join('\n'),
        messageId: `<${notice.id}@guardian.invalid>`,
        headers: { 'x-correlation-id': notice.correlationId, 'auto-submitted': 'auto-generated' },
      });
    } catch (error) {
      throw new Unavailable(`${hostname} did not take the mail: ${messageOf(error)}`);
    } finally {
      transport.close();
    }
  };
  return { name: 'mail', to, deliver };
}
