/**
 * Bounds the bytes of answers that clients have not read yet. An answer stays in memory until its client has read it or
 * is disconnected (http-limits.ts). The answer about a company at its limits has many megabytes, so clients that do not
 * read their answers would fill the heap.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AddressShares, type SharedLimit } from './address-shares.js';
import { networkOf } from './wrong-tokens.js';

const MIB = 1_024 * 1_024;

/**
 * Bytes of answers about the state: three of the largest explanations for one address (MAX_EXPLANATION_BYTES). No answer
 * is larger than the share of an address.
 */
export const INSPECTION_UNSENT: SharedLimit = { total: 48 * MIB, perAddress: 24 * MIB };
/**
 * For metrics, probes and the page, which anyone may request. They have their own limit. So answers about the state
 * cannot block these answers, and these cannot block answers about the state. The metrics of 10,000 partitions fit: each
 * partition takes up to 1.6 kB.
 */
export const OPEN_UNSENT: SharedLimit = { total: 32 * MIB, perAddress: 16 * MIB };
/** Answers up to this size are not counted: the number of connections bounds them, and a probe is always answered. */
const SMALL_BYTES = 4 * 1_024;
/** Seconds until a client should ask again. A client that reads its answer has it by then. */
const RETRY_AFTER_S = 2;

/** Answers 503 with Retry-After if an answer would exceed the limits. Register it before the routes. */
export function limitUnsentAnswers(server: FastifyInstance): void {
  const inspection = new AddressShares(INSPECTION_UNSENT);
  const open = new AddressShares(OPEN_UNSENT);
  const answersLike = (request: FastifyRequest) => (request.routeOptions.config?.open === true ? open : inspection);
  // Runs after the check of the token, and before the work for an answer. Probes cost nothing, so they are not checked
  // here.
  server.addHook('preHandler', async (request, reply) => {
    const answers = answersLike(request);
    if (answers === inspection && !answers.hasRoomFor(SMALL_BYTES, networkOf(request.ip)))
      await reply.send(refuse(reply));
  });
  server.addHook('onSend', async (request, reply, payload) => {
    const bytes = bytesOf(payload);
    // If the client has disconnected, it reads nothing. Its `close` event has already been emitted, so the bytes would
    // never be given back.
    if (bytes <= SMALL_BYTES || reply.raw.closed) return payload;
    const address = networkOf(request.ip);
    const answers = answersLike(request);
    if (!answers.hasRoomFor(bytes, address)) return JSON.stringify(refuse(reply, bytes));
    answers.take(bytes, address);
    // Node emits `close` also if the connection ends first, because each connection has at most one answer
    // (MAX_UNANSWERED).
    reply.raw.once('close', () => answers.give(bytes, address));
    return payload;
  });
}

function refuse(reply: FastifyReply, bytes = 0): { readonly error: string } {
  void reply.status(503).headers({ 'retry-after': RETRY_AFTER_S, 'content-type': 'application/json; charset=utf-8' });
  const error = 'earlier answers have not been read yet: read them, then ask again';
  return { error: bytes === 0 ? error : `this answer has ${bytes} bytes, and ${error}` };
}

function bytesOf(payload: unknown): number {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? Buffer.byteLength(payload) : 0;
}
