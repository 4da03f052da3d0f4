/**
 * Instances prove to each other that they know HTTP_TOKEN, without sending it. Anyone who may join the group can
 * advertise an address, and would otherwise receive the token.
 *
 *     Authorization: CompanySync-Member <time>.<nonce>.<mac>
 *
 * The MAC is HMAC-SHA256, in hexadecimal, over method, address, target, time and nonce, one line each. Its key is
 * derived from the token. The address is that of the asked instance, so that instance cannot pass the proof on to
 * another one.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../lib/clock.js';

export const MEMBER_SCHEME = 'CompanySync-Member';

/** The largest difference between the clocks of two instances. A proof is accepted for that long, once. */
export const PROOF_WINDOW_MS = 30_000;
/**
 * Proofs that are remembered, so that no proof is accepted twice. The oldest is forgotten first. `npm run
 * bench:costs`: about 200 bytes each.
 */
export const REMEMBERED_PROOFS = 10_000;
const NONCE_BYTES = 16;
const KEY_LABEL = 'company-sync member proof 1';
const PROOF = new RegExp(`^${MEMBER_SCHEME} (\\d{1,16})\\.([0-9a-f]{32})\\.([0-9a-f]{64})$`, 'i');

/** The request that a proof is for. */
export interface AskedFor {
  readonly method: string;
  /** The address of the asked instance, as it advertises it. */
  readonly address: string;
  /** Path and query, as in the request line. */
  readonly target: string;
}

export type ProofVerdict = 'accepted' | 'wrong' | 'late' | 'used';

export class MemberProofs {
  readonly #keys: readonly Buffer[];
  readonly #clock: Pick<Clock, 'now'>;
  /** Nonces in the order in which they were accepted. */
  readonly #used = new Set<string>();

  /** @param tokens the first one signs, any of them is accepted */
  constructor(tokens: readonly string[], clock: Pick<Clock, 'now'>) {
    this.#keys = tokens.map((token) => createHmac('sha256', token).update(KEY_LABEL).digest());
    this.#clock = clock;
  }

  /** The value of the Authorization header; null without a token. */
  of(asked: AskedFor): string | null {
    const [key] = this.#keys;
    if (key === undefined) return null;
    const time = String(this.#clock.now());
    const nonce = randomBytes(NONCE_BYTES).toString('hex');
    return `${MEMBER_SCHEME} ${time}.${nonce}.${macOf(key, asked, time, nonce).toString('hex')}`;
  }

  /** Judges a header of this scheme; null if the header has another scheme. Compares in constant time. */
  judge(authorization: string, asked: AskedFor): ProofVerdict | null {
    if (!authorization.toLowerCase().startsWith(`${MEMBER_SCHEME.toLowerCase()} `)) return null;
    const [, time, nonce, mac] = PROOF.exec(authorization) ?? [];
    if (time === undefined || nonce === undefined || mac === undefined) return 'wrong';
    const sentMac = Buffer.from(mac, 'hex');
    const isOurs = this.#keys.map((key) => timingSafeEqual(macOf(key, asked, time, nonce), sentMac)).includes(true);
    if (!isOurs) return 'wrong';
    const wallMs = this.#clock.now();
    if (Math.abs(wallMs - Number(time)) > PROOF_WINDOW_MS) return 'late';
    if (this.#used.has(nonce)) return 'used';
    this.#remember(nonce);
    return 'accepted';
  }

  #remember(nonce: string): void {
    this.#used.add(nonce);
    const [oldest] = this.#used;
    if (this.#used.size > REMEMBERED_PROOFS && oldest !== undefined) this.#used.delete(oldest);
  }
}

function macOf(key: Buffer, { method, address, target }: AskedFor, time: string, nonce: string): Buffer {
  return createHmac('sha256', key).update([method, address, target, time, nonce].join('\n')).digest();
}
