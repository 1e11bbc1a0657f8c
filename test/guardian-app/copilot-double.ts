import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CopilotAnswer {
  status: number;
  headers?: Record<string, string>;
  body: object | string;
}

/** Stands in for Azure OpenAI's chat completions: records what it is asked, and answers what the test says. */
export class CopilotDouble {
  readonly asked: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
  answer: CopilotAnswer = says({ suggestion: 'block', explanation: 'The model is sure.' });
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        this.asked.push({ url: request.url ?? '', headers: request.headers, body });
        const { status, headers, body: answer } = this.answer;
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>(done => this.server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise(done => this.server.close(done));
  }
}

/** A completion as the service forms it; https://learn.microsoft.com/azure/ai-services/openai/reference#chat-completions */
export function says(content: object | string | null, finish_reason = 'stop'): CopilotAnswer {
  const text = typeof content === 'object' && content !== null ? JSON.stringify(content) : content;
  return {
    status: 200,
    body: {
      ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1_790_000_000, model: 'gpt-4o-2024-11-20' },
      choices: [{ index: 0, finish_reason, message: { role: 'assistant', content: text } }],
      usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
    },
  };
}
