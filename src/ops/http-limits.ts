/**
 * Limits what a client of the HTTP port may cost (time, connections, bytes), and answers clients that exceed a limit.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
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
/**
 * Requests of one connection that wait for their answers. Browsers, Prometheus and instances wait for each answer
 * before the next request. With 64 KiB of requests, a client that does not wait could cause 1,500 answers at once,
 * which stay in memory until it reads them.
 */
export const MAX_UNANSWERED = 4;

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

/** Options of fastify. */
export const LIMITED_SERVER = {
  schemaController: { compilersFactory: NO_SCHEMA_COMPILERS },
  connectionTimeout: IDLE_SOCKET_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  http: {
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
  limitUnanswered(server);
  // Without this, Node asks for the body of a request that is refused because it has one.
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
}

/**
 * Closes a connection that keeps asking without reading the answers. This runs before the framework, so a refused
 * request costs nothing.
 */
function limitUnanswered(server: Server): void {
  const unanswered = new WeakMap<Socket, number>();
  const answerers = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > MAX_UNANSWERED) {
      socket.destroy();
      return;
    }
    unanswered.set(socket, count);
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
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
