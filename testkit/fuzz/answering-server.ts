/** An HTTP server on this machine that answers each request with what the fuzzer has chosen. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export class AnsweringServer {
  #answer: Answer = { status: 404, headers: {}, body: Buffer.alloc(0) };
  readonly #server = createServer((_, response) => {
    const { status, headers, body } = this.#answer;
    response.writeHead(status, headers).end(body);
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** All requests get this answer from now on. */
  answer(answer: Answer): void {
    this.#answer = answer;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
