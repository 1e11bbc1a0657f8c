import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Runtime } from './runtime';

/** A POST /score whose body is held back after its first half for as long as the test wants. */
export class SlowRequest {
  private constructor(
    private readonly socket: Socket,
    private readonly rest: Uint8Array,
  ) {}

  /** Resolves when the server is waiting for the rest: with `Expect: 100-continue` it says so. */
  static async begin(runtime: Runtime, image: Buffer): Promise<SlowRequest> {
    const socket = connect(runtime.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      'POST /score HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\nexpect: 100-continue\r\n' +
        `content-length: ${image.length}\r\nconnection: close\r\n\r\n`,
    );
    const [head] = (await once(socket, 'data')) as [Buffer];
    if (!head.toString().startsWith('HTTP/1.1 100')) throw new Error(head.toString());
    const half = image.length >> 1;
    socket.write(image.subarray(0, half));
    return new SlowRequest(socket, image.subarray(half));
  }

  /** Sends the rest and resolves with the whole answer. */
  async finish(): Promise<string> {
    const answer = text(this.socket);
    this.socket.write(this.rest);
    return answer;
  }

  hangUp(): void {
    this.socket.destroy();
  }
}
