/**
 * Bounds the bytes of answers that clients have not read yet. An answer stays in memory until its client has read it or
 * is disconnected (http-limits.ts). The largest answer has 12 MB, so a few clients that do not read their answers would
 * fill the heap.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { networkOf } from './wrong-tokens.js';

const MIB = 1_024 * 1_024;

export interface UnsentLimits {
  /** Limit for all clients together, in bytes. */
  readonly bytes: number;
  /** Limit for one address, or one IPv6 network, so that it leaves room for others. */
  readonly bytesPerAddress: number;
}

/** For answers about the state: two of the largest companies for one address. */
export const INSPECTION_UNSENT: UnsentLimits = { bytes: 48 * MIB, bytesPerAddress: 24 * MIB };
/**
 * For metrics, probes and the page, which anyone may request. They have their own limit. So answers about the state
 * cannot block these answers, and these cannot block answers about the state.
 */
export const OPEN_UNSENT: UnsentLimits = { bytes: 16 * MIB, bytesPerAddress: 4 * MIB };
/** Answers up to this size are not counted: the number of connections bounds them, and a probe is always answered. */
const SMALL_BYTES = 4 * 1_024;
/** Seconds until a client should ask again. A client that reads its answer has it by then. */
const RETRY_AFTER_S = 2;

export class UnsentAnswers {
  #bytes = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(private readonly limits: UnsentLimits) {}

  /** Whether an answer of `bytes` may be sent. If no other answer is unsent, any size may be sent. */
  hasRoomFor(bytes: number, address: string): boolean {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const fits = this.#bytes === 0 || this.#bytes + bytes <= this.limits.bytes;
    return fits && (ofAddress === 0 || ofAddress + bytes <= this.limits.bytesPerAddress);
  }

  take(bytes: number, address: string): void {
    this.#bytes += bytes;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + bytes);
  }

  give(bytes: number, address: string): void {
    this.#bytes -= bytes;
    const left = (this.#byAddress.get(address) ?? 0) - bytes;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

/** Answers 503 with Retry-After if an answer would exceed the limits. Register it before the routes. */
export function limitUnsentAnswers(server: FastifyInstance): void {
  const inspection = new UnsentAnswers(INSPECTION_UNSENT);
  const open = new UnsentAnswers(OPEN_UNSENT);
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
    if (!answers.hasRoomFor(bytes, address)) return JSON.stringify(refuse(reply));
    answers.take(bytes, address);
    reply.raw.once('close', () => answers.give(bytes, address));
    return payload;
  });
}

function refuse(reply: FastifyReply): { readonly error: string } {
  void reply.status(503).headers({ 'retry-after': RETRY_AFTER_S, 'content-type': 'application/json; charset=utf-8' });
  return { error: 'earlier answers have not been read yet: read them, then ask again' };
}

function bytesOf(payload: unknown): number {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? Buffer.byteLength(payload) : 0;
}
