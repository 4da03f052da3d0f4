/**
 * Asks a running instance over HTTP. Anyone who may join the group can advertise an address. So the client does not
 * send the token, bounds and checks the answers, and follows redirects only to members.
 */
import type { z } from 'zod';
import type { Explanation } from '../domain/explanation.js';
import { AnswerTooLargeError, boundedText } from '../lib/bounded-answer.js';
import { cutText } from '../lib/cut-text.js';
import { foreignText } from '../lib/foreign-text.js';
import { instanceAddress } from '../lib/instance-address.js';
import { exceededJsonLimit } from '../lib/json-limits.js';
import { reasonOf } from '../lib/reason-of.js';
import { withoutCommands } from '../lib/shell-command.js';
import type { SharedLimit } from './address-shares.js';
import { fitToSchema } from './answer-check.js';
import { AnswerRoom } from './answer-room.js';
import { absence, SCHEMAS, type Absence } from './api-schemas.js';
import type { PeerAnswer, Peers } from './company-directory.js';
import { companyPath, NO_EXPLANATION } from './company-path.js';
import { MEMBER_SCHEME, type MemberProofs } from './member-proof.js';
import type { ListedPartition } from './partition-figures.js';
import type { CompanyList, ListState } from './pending-lists.js';

/**
 * An instance looks at all its partitions within milliseconds; one that takes longer than this is frozen or cut off.
 */
const INSTANCE_ANSWER_TIMEOUT_MS = 10_000;
/** Redirects of one request. The owner may change between two redirects, but not many times in a row. */
const MAX_REDIRECTS = 5;
/** Bytes of an explanation. Instances of this release send half of it; the previous release had no limit. */
export const MAX_EXPLANATION_ANSWER_BYTES = 16 * 1_024 * 1_024;
/**
 * Bytes of a listing of partitions or companies: 10,000 partitions that all fail and restore, or 1,000 companies with
 * the longest ids, all escaped.
 */
export const MAX_LISTING_BYTES = 10 * 1_024 * 1_024;
/** Bytes of a refusal: a sentence or two. */
const MAX_REFUSAL_BYTES = 64 * 1_024;
/** Characters of a refusal that are repeated. */
const MAX_REASON_LENGTH = 500;
/** Bytes of the answers that are read and checked at the same time. Further ones wait for these. */
export const ANSWERS_IN_PROGRESS: SharedLimit = { total: 32 * 1_024 * 1_024, perAddress: MAX_EXPLANATION_ANSWER_BYTES };

/** An instance refused the request, or could not be reached. */
export class InstanceError extends Error {
  override readonly name = 'InstanceError';

  /** The pause that an instance asks for, because it was asked too often, in milliseconds; null if it asks for none. */
  readonly retryAfterMs: number | null;

  constructor(message: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number | null } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** The response to a request, until its body is read. */
interface Asked {
  readonly address: string;
  readonly response: Response;
  /** Ends the request, and its body, after INSTANCE_ANSWER_TIMEOUT_MS. */
  readonly signal: AbortSignal;
}

/** Addresses that redirects may lead to. */
export type KnownMembers = () => Promise<readonly string[]>;

export class InstanceClient implements Peers {
  readonly #room = new AnswerRoom(ANSWERS_IN_PROGRESS);

  /** @param members asked only when an instance redirects */
  constructor(
    private readonly proofs: MemberProofs,
    private readonly members: KnownMembers,
  ) {}

  async has(address: string, companyId: string): Promise<PeerAnswer> {
    try {
      const asked = await this.#get(address, `${companyPath(companyId, 'instance')}&${NO_EXPLANATION}`);
      const { response } = asked;
      if (response.status === 404) return { has: false, partitions: await this.#partitionsWithout(asked) };
      const has = response.status === 204 || response.status === 200; // 200 is the answer of the previous release.
      if (!has) return { unknownBecause: await this.#reasonOf(asked) };
      await response.body?.cancel();
      return { has };
    } catch (error) {
      if (error instanceof InstanceError) return { unknownBecause: error.message };
      throw error;
    }
  }

  /**
   * Gets the explanation from the instance that has the company.
   * @param address of any instance
   * @throws InstanceError
   */
  async explanation(address: string, companyId: string): Promise<Explanation> {
    let at = address;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const asked = await this.#get(at, companyPath(companyId));
      const { response } = asked;
      const location = response.headers.get('location');
      if (response.status === 307 && location !== null) {
        await response.body?.cancel();
        at = await this.#memberAt(location, at);
      } else if (response.status === 200 || response.status === 404) {
        const limit = MAX_EXPLANATION_ANSWER_BYTES;
        const explanation = await this.#answer(asked, SCHEMAS.explanation, limit, (answer) => answer);
        if (explanation.companyId === companyId) return explanation;
        throw new InstanceError(`${at} answers about another company than it was asked for`);
      } else throw await this.#refusal(asked);
    }
    throw new InstanceError(`${at} and others redirect to each other, because the group is rebalancing: ask again`);
  }

  /**
   * Calls `use` with the partitions of the instance at this address. Room for other answers is only free again after
   * `use`, which keeps no more than it needs.
   * @throws InstanceError
   */
  async partitions(address: string, use: (partitions: readonly ListedPartition[]) => void): Promise<void> {
    await this.#partitionsAt(address, ({ partitions }) => use(partitions as readonly ListedPartition[]));
  }

  /** Partition -> changelog position of the standbys that it keeps. @throws InstanceError */
  standbyPositions(address: string): Promise<ReadonlyMap<number, number>> {
    return this.#partitionsAt(
      address,
      ({ standbys = [] }) => new Map(standbys.map(({ partition, position }) => [partition, position])),
    );
  }

  /** Calls `use` with its pending companies, as `partitions` does. @throws InstanceError */
  list(address: string, state: ListState, limit: number, use: (list: CompanyList) => void): Promise<void> {
    return this.#json(address, `/companies?state=${state}&limit=${limit}&scope=instance`, SCHEMAS.companies, use);
  }

  /** Null if the answer does not say them. */
  #partitionsWithout(asked: Asked): Promise<readonly number[] | null> {
    return this.#body(asked, MAX_LISTING_BYTES, (body) =>
      fitToSchema(body, absence) === null ? (body as Absence).partitions : null,
    );
  }

  #partitionsAt<R>(address: string, use: (answer: z.output<typeof SCHEMAS.partitions>) => R): Promise<R> {
    return this.#json(address, '/partitions', SCHEMAS.partitions, use);
  }

  /** Uses only the address of a redirect: the path stays the one that was asked for. */
  async #memberAt(location: string, asked: string): Promise<string> {
    const address = URL.canParse(location, asked) ? new URL(location, asked).origin : location;
    if ((await this.members()).includes(address)) return address;
    throw new InstanceError(
      `${asked} redirects to ${foreignText(address.slice(0, MAX_REASON_LENGTH))}, which is not a member of the group`,
    );
  }

  async #json<T extends z.ZodType, R>(
    address: string,
    target: string,
    schema: T,
    use: (answer: z.output<T>) => R,
  ): Promise<R> {
    const asked = await this.#get(address, target);
    if (asked.response.status !== 200) throw await this.#refusal(asked);
    return await this.#answer(asked, schema, MAX_LISTING_BYTES, use);
  }

  async #get(advertised: string, target: string): Promise<Asked> {
    const address = instanceAddress(advertised);
    if (address === null)
      throw new InstanceError(
        `${foreignText(advertised.slice(0, MAX_REASON_LENGTH))} is not the address of an instance`,
      );
    const proof = this.proofs.of({ method: 'GET', address, target });
    const headers = { 'accept-encoding': 'identity', ...(proof === null ? {} : { authorization: proof }) };
    const signal = AbortSignal.timeout(INSTANCE_ANSWER_TIMEOUT_MS);
    try {
      return { address, signal, response: await fetch(address + target, { headers, redirect: 'manual', signal }) };
    } catch (error) {
      throw new InstanceError(`${address} gives no answer: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Reads and checks an answer, and calls `use` with it. Fields that a later release adds are left out. */
  #answer<T extends z.ZodType, R>(
    asked: Asked,
    schema: T,
    maxBytes: number,
    use: (answer: z.output<T>) => R,
  ): Promise<R> {
    return this.#body(asked, maxBytes, (body) => {
      const path = fitToSchema(body, schema);
      if (path === null) return use(body as z.output<T>);
      const where = path.join('.').slice(0, MAX_REASON_LENGTH);
      throw new InstanceError(
        `${asked.address} does not answer in the expected format (${where === '' ? 'no JSON object' : `at ${where}`}): ` +
          'check whether another program or another release runs there',
      );
    });
  }

  async #refusal(asked: Asked): Promise<InstanceError> {
    const { status, headers } = asked.response;
    const retryAfterMs = status === 429 ? 1_000 * Number(headers.get('retry-after') ?? NaN) : NaN;
    const message = `${asked.address} answers ${status}: ${await this.#reasonOf(asked)}`;
    return new InstanceError(message, { retryAfterMs: retryAfterMs >= 0 ? retryAfterMs : null });
  }

  async #reasonOf(asked: Asked): Promise<string> {
    const { status, headers } = asked.response;
    if (status === 401 && headers.get('www-authenticate')?.includes(MEMBER_SCHEME) !== true) {
      await asked.response.body?.cancel();
      return 'it runs an older release, which requires the token itself: upgrade it, or ask it directly';
    }
    const body = await this.#body(asked, MAX_REFUSAL_BYTES, (refusal) => refusal).catch(() => null);
    const { error } = (body ?? {}) as { readonly error?: unknown };
    const reason = typeof error === 'string' ? withoutCommands(cutText(error, MAX_REASON_LENGTH)) : `status ${status}`;
    return status === 401 ? `it does not accept our HTTP_TOKEN (${reason})` : reason;
  }

  /**
   * Calls `use` with the JSON of the answer, or with null if the answer is not JSON. Its bytes take room until `use` has
   * returned.
   * @throws InstanceError if the answer is too long, or breaks off
   */
  async #body<R>(asked: Asked, maxBytes: number, use: (body: unknown) => R): Promise<R> {
    const { address, response, signal } = asked;
    try {
      const bytes = bytesAnnounced(response) ?? maxBytes;
      if (bytes > maxBytes) throw new AnswerTooLargeError(`the answer has more than ${maxBytes} bytes`);
      return await this.#room.hold(bytes, address, signal, async () => use(await jsonOf(response, bytes)));
    } catch (error) {
      await response.body?.cancel().catch(() => undefined);
      if (error instanceof InstanceError) throw error;
      const why = error instanceof AnswerTooLargeError ? error.message : `the answer broke off (${reasonOf(error)})`;
      throw new InstanceError(`${address} gives no complete answer: ${why}`, { cause: error });
    }
  }
}

/** The bytes of the body; null if the other side has not stated them. */
function bytesAnnounced({ headers }: Response): number | null {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? null : Number(length);
}

/** Returns null if the answer is not JSON. @throws AnswerTooLargeError */
async function jsonOf(response: Response, maxBytes: number): Promise<unknown> {
  const text = await boundedText(response, maxBytes);
  const exceeded = exceededJsonLimit(text);
  if (exceeded !== null) throw new AnswerTooLargeError(exceeded);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
