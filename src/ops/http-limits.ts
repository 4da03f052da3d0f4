/**
 * Limits what a client of the HTTP port may cost (time, connections, bytes), and answers clients that exceed a limit.
 */
import { ServerResponse, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { networkOf } from './wrong-tokens.js';

/** Bytes of a request line with all headers. An id of 1,024 bytes takes 3,072 characters in a URL. */
const MAX_HEADER_BYTES = 16 * 1_024;
/** Browsers send 20. */
const MAX_HEADERS = 100;
/**
 * Milliseconds until the headers of a request are complete, counted from its first byte, or from the connection if
 * there is none. A request fits into one packet.
 */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 6_000;
/** How often Node checks for connections that exceed these times. */
const TIMEOUT_CHECK_MS = 1_000;
/** Longer than Prometheus waits between two scrapes, so Prometheus keeps its connection. */
const KEEP_ALIVE_MS = 20_000;
/**
 * A client that reads no byte of its answer for this long is disconnected. Asking all other instances takes up to 10
 * s.
 */
const IDLE_SOCKET_MS = 30_000;
/** All connections together. The cost of each is bounded below. */
const MAX_CONNECTIONS = 512;
/** So one address, or one IPv6 network, cannot use all connections and leave none for probes. */
export const MAX_CONNECTIONS_PER_ADDRESS = 128;
const ANSWERED_METHODS: readonly string[] = ['GET', 'HEAD'];

/** Headers of every answer. The page additionally allows its own files (status-page.ts). */
export const SAFE_HEADERS = {
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** No route has a schema of fastify. So the compilers of such schemas are not loaded: they cost 60 ms of each start. */
const NO_SCHEMA_COMPILERS = { buildValidator: refuseSchema, buildSerializer: refuseSchema };

/**
 * Answers of one connection that its client has not read. Browsers, Prometheus and instances wait for each answer. A
 * client that does not wait could cause 1,500 answers with 64 KiB of requests, and they stay in memory until the client
 * reads them. It must be 1: Node emits no `close` for an answer that waits behind another one when the connection ends.
 */
const MAX_UNANSWERED = 1;
const unanswered = new WeakMap<Socket, number>();

/**
 * The answer to a request. It closes the connection if the client has not read the answers before it.
 *
 * Node makes this object before it looks at the request. So requests that Node itself refuses count too, for example
 * those without a Host header.
 */
class CountedAnswer<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  constructor(...args: ConstructorParameters<typeof ServerResponse<R>>) {
    super(...args);
    const { socket } = this.req;
    const count = (unanswered.get(socket) ?? 0) + 1;
    unanswered.set(socket, count);
    this.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    if (count > MAX_UNANSWERED) socket.destroy();
  }
}

/** Options of fastify. */
export const LIMITED_SERVER = {
  schemaController: { compilersFactory: NO_SCHEMA_COMPILERS },
  connectionTimeout: IDLE_SOCKET_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  http: {
    ServerResponse: CountedAnswer,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
  },
  clientErrorHandler: refuseSocket,
};

function refuseSchema(): never {
  throw new Error('a route has a schema of fastify, but its compilers are not loaded: see http-limits.ts');
}

const REFUSALS: Readonly<Record<string, readonly [status: string, error: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', `the request has more than ${MAX_HEADER_BYTES} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not arrive in time'],
};

/** Answers requests that are not HTTP or are late, and closes the connection. */
function refuseSocket({ code = '' }: Error & { readonly code?: string }, socket: Socket): void {
  const [status, error] = REFUSALS[code] ?? ['400 Bad Request', 'the request is not HTTP/1.1'];
  const body = JSON.stringify({ error });
  const headers = Object.entries({
    ...SAFE_HEADERS,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  if (socket.writable && code !== 'ECONNRESET') socket.write(`HTTP/1.1 ${status}\r\n${headers.join('')}\r\n${body}`);
  socket.destroySoon();
}

export function limitConnections(server: Server): void {
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = MAX_HEADERS;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const from = networkOf(socket.remoteAddress ?? '');
    const count = (open.get(from) ?? 0) + 1;
    open.set(from, count);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left === 0) open.delete(from);
      else open.set(from, left);
    });
    if (count > MAX_CONNECTIONS_PER_ADDRESS) socket.destroy();
  });
  dropRefused(server);
  // Without these, Node asks for the body of a request that is refused because it has one, and answers unknown
  // expectations without the headers of this server. A server may ignore expectations.
  for (const expectation of ['checkContinue', 'checkExpectation'])
    server.on(expectation, (request, response) => server.emit('request', request, response));
}

/**
 * Drops requests whose connection is closed already, such as by `CountedAnswer`. This runs before the
 * framework, so a dropped request costs nothing.
 */
function dropRefused(server: Server): void {
  const answerers = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.socket.destroyed) return;
    for (const answer of answerers) answer(request, response);
  });
}

/** Refuses every request except reads without a body. Bodies are not read: the connection is closed. */
export function answerOnlyReads(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    void reply.headers(SAFE_HEADERS);
    const { method, headers } = request;
    const hasBody = (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined;
    const isRead = ANSWERED_METHODS.includes(method);
    if (isRead && !hasBody) return;
    const error = isRead ? 'a request with a body is not read' : `${method} is not allowed: use GET or HEAD`;
    void reply.header('connection', 'close').header('allow', ANSWERED_METHODS.join(', '));
    await reply.status(isRead ? 413 : 405).send({ error });
  });
}
