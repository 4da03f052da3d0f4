/**
 * Bounds the bytes of answers that their clients have not taken yet. An answer stays in memory until its client has read it
 * or is cut off (http-limits.ts), and the largest has 12 MB: a few clients that ask and do not read would fill the heap.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { networkOf } from './wrong-tokens.js';

const MIB = 1_024 * 1_024;

export interface UnsentLimits {
  /** Of all clients together, in bytes. */
  readonly bytes: number;
  /** Of one address, or one network of IPv6, so that it leaves something for others. */
  readonly bytesPerAddress: number;
}

/** What is answered to those who may look into the state: two of the largest companies for one address. */
export const INSPECTION_UNSENT: UnsentLimits = { bytes: 48 * MIB, bytesPerAddress: 24 * MIB };
/** Metrics, the probes and the page, which anyone may ask for: so that they are not kept from each other's answers. */
export const OPEN_UNSENT: UnsentLimits = { bytes: 16 * MIB, bytesPerAddress: 4 * MIB };
/** Not counted: the number of connections bounds these, and a probe is always answered. */
const SMALL_BYTES = 4 * 1_024;
/** When to ask again, in seconds: a client that takes its answer has it by then. */
const RETRY_AFTER_S = 2;

export class UnsentAnswers {
  #bytes = 0;
  readonly #byAddress = new Map<string, number>();

  constructor(private readonly limits: UnsentLimits) {}

  /** Whether an answer of `bytes` may be sent; one of any size, if no other is unsent. */
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

/** Answers 503 with Retry-After in place of what would be too much. Register it before the routes. */
export function limitUnsentAnswers(server: FastifyInstance): void {
  const inspection = new UnsentAnswers(INSPECTION_UNSENT);
  const open = new UnsentAnswers(OPEN_UNSENT);
  const answersLike = (request: FastifyRequest) => (request.routeOptions.config?.open === true ? open : inspection);
  // Before any work is done for an answer that cannot be sent; after the look at the token. Probes cost nothing.
  server.addHook('preHandler', async (request, reply) => {
    const answers = answersLike(request);
    if (answers === inspection && !answers.hasRoomFor(SMALL_BYTES, networkOf(request.ip)))
      await reply.send(refuse(reply));
  });
  server.addHook('onSend', async (request, reply, payload) => {
    const bytes = bytesOf(payload);
    // A client that is gone takes nothing, and its end would never come again.
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
  return { error: 'clients have not read the answers before this one: read them, then ask again' };
}

function bytesOf(payload: unknown): number {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? Buffer.byteLength(payload) : 0;
}
