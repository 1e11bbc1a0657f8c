import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { ServerCertificate } from '../../local/certificates';

/** A mail server that wants a password, and TLS before it. */
export class MailReceiver {
  readonly mails: { to: string[]; text: string }[] = [];
  private readonly server: SMTPServer;

  constructor({ cert, key }: ServerCertificate, password: string) {
    this.server = new SMTPServer({
      ...{ cert, key, authMethods: ['PLAIN'] },
      onAuth: (auth, _session, done) =>
        auth.password === password ? done(null, { user: auth.username }) : done(new Error('the password is wrong')),
      onData: (stream, session, done) => {
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
        stream.on('end', () => {
          this.mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), text });
          done();
        });
      },
    });
    // A client that hangs up is no failure of the test.
    this.server.on('error', () => undefined);
  }

  async listen(): Promise<number> {
    await new Promise<void>(done => this.server.listen(0, '127.0.0.1', done));
    return (this.server.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise(done => this.server.close(done));
  }
}
