import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

/** One line an answer, by its weight. Good answers come by the thousand, so only a sample of them is told at `info`. */
export class AnswerLog {
  constructor(
    private readonly log: Logger,
    /** Share of the good answers, 0 to 1. */
    private readonly sampleRate: number,
  ) {}

  note(request: FastifyRequest, reply: FastifyReply): void {
    const status = reply.statusCode;
    this.log[this.#level(request, status)](
      {
        requestId: request.id,
        method: request.method,
        url: request.url,
        status,
        milliseconds: Math.round(reply.elapsedTime),
      },
      'answered',
    );
  }

  #level({ method, url }: FastifyRequest, status: number): 'debug' | 'info' | 'warn' {
    // A probe is asked again and again, and what it says is logged where it comes from.
    if (/^\/(v2\/health\/|ready|ping|health)/.test(url)) return 'debug';
    if (status >= 500) return 'warn';
    if (status >= 400) return 'info';
    return method === 'POST' && Math.random() < this.sampleRate ? 'info' : 'debug';
  }
}
