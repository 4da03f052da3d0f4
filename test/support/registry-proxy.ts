/** A schema registry that fails on demand: a proxy that forwards requests to the real registry, or does not. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** How the proxy answers from now on. */
export type RegistryMood =
  | 'well'
  /** Connections are refused. */
  | 'down'
  /** Accepts requests and never answers. */
  | 'hanging'
  /** 500 with the proxy's own error. */
  | 'broken'
  /** 200 with a web page, as a proxy in maintenance gives. */
  | 'a-web-page'
  /** 404 for every id, as from a registry that has lost all data. */
  | 'forgetful';

export class RegistryProxy {
  /** Ids that the proxy denies, or fails for, although the real registry has them. */
  readonly troubled = new Map<number, 'denied' | 'broken'>();
  /** The paths asked for so far. */
  readonly asked: string[] = [];
  readonly #upstream: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #mood: RegistryMood = 'well';

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Call `close` at the end. @param upstream root of the real registry's API */
  static async start(upstream: string): Promise<RegistryProxy> {
    const proxy = new RegistryProxy(upstream);
    await proxy.#listen();
    return proxy;
  }

  /** Root of the API at this proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#upstream.pathname}`;
  }

  /** Resolves once the proxy behaves in this way. Requests that hang are aborted. */
  async becomes(mood: RegistryMood): Promise<void> {
    const wasDown = this.#mood === 'down';
    this.#mood = mood;
    for (const socket of this.#sockets) socket.destroy();
    if (mood === 'down' && !wasDown) await this.#stopListening();
    if (mood !== 'down' && wasDown) await this.#listen();
  }

  async close(): Promise<void> {
    await this.becomes('down');
  }

  /** On the same port each time. */
  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #stopListening(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(request.url ?? '');
    switch (this.#mood) {
      case 'hanging':
      case 'down':
        return;
      case 'broken':
        fail(response);
        return;
      case 'a-web-page':
        reply(response, 200, '<html>We will be back soon</html>');
        return;
      case 'forgetful':
        deny(response);
        return;
      case 'well':
        await this.#answerWell(request, response);
    }
  }

  async #answerWell(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, id] = /\/schemas\/ids\/(\d+)/.exec(request.url ?? '') ?? [];
    const trouble = this.troubled.get(Number(id));
    if (trouble === 'denied') deny(response);
    else if (trouble === 'broken') fail(response);
    else await this.#passOn(request, response);
  }

  async #passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = parts.length === 0 ? {} : { body: Buffer.concat(parts) };
    const contentType = request.headers['content-type'];
    const upstream = await fetch(new URL(request.url ?? '', this.#upstream), {
      method: request.method ?? 'GET',
      headers: contentType === undefined ? {} : { 'content-type': contentType },
      ...body,
    });
    reply(response, upstream.status, await upstream.text());
  }
}

function deny(response: ServerResponse): void {
  reply(response, 404, JSON.stringify({ error_code: 40403, message: 'Schema not found' }));
}

function fail(response: ServerResponse): void {
  reply(response, 500, JSON.stringify({ error_code: 50001, message: 'Error in the backend datastore' }));
}

function reply(response: ServerResponse, status: number, body: string): void {
  // A new connection for each request: a connection that is kept open could be closed by the registry without notice.
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json', connection: 'close' };
  response.writeHead(status, headers).end(body);
}
