/**
 * Asks a running instance over HTTP. Anyone who may join the group can advertise an address. So the client does not
 * send the token, bounds and checks the answers, and follows redirects only to members.
 */
import type { z } from 'zod';
import type { Explanation } from '../domain/explanation.js';
import { AnswerBudget, AnswerTooLargeError, boundedText } from '../lib/bounded-answer.js';
import { instanceAddress } from '../lib/instance-address.js';
import { exceededJsonLimit } from '../lib/json-limits.js';
import { reasonOf } from '../lib/reason-of.js';
import { firstFaultIn, hasTooManyParts, MAX_ANSWER_PARTS } from './answer-check.js';
import { SCHEMAS } from './api-schemas.js';
import type { PeerAnswer, Peers } from './company-directory.js';
import { companyPath } from './company-path.js';
import { MEMBER_SCHEME, type MemberProofs } from './member-proof.js';
import type { ListedPartition } from './partition-figures.js';
import type { CompanyList, ListState } from './pending-lists.js';

/**
 * An instance looks at all its partitions within milliseconds; one that takes longer than this is frozen or cut off.
 */
const INSTANCE_ANSWER_TIMEOUT_MS = 10_000;
/** Redirects of one request. The owner may change between two redirects, but not many times in a row. */
const MAX_REDIRECTS = 5;
/** Bytes of one answer. A company at its limits must fit, and a list of 1,000 companies with the longest ids. */
const MAX_ANSWER_BYTES = 16 * 1_024 * 1_024;
/** Bytes of a refusal: a sentence or two. */
const MAX_REFUSAL_BYTES = 64 * 1_024;
/** Characters of a refusal that are repeated. */
const MAX_REASON_LENGTH = 500;
/** Bytes of all answers in progress: two at their limit. */
const MAX_ANSWERS_BYTES = 2 * MAX_ANSWER_BYTES;

/** An instance refused the request, or could not be reached. */
export class InstanceError extends Error {
  override readonly name = 'InstanceError';
}

/** Addresses that redirects may lead to. */
export type KnownMembers = () => Promise<readonly string[]>;

export class InstanceClient implements Peers {
  readonly #budget = new AnswerBudget(MAX_ANSWERS_BYTES);

  /** @param members asked only when an instance redirects */
  constructor(
    private readonly proofs: MemberProofs,
    private readonly members: KnownMembers,
  ) {}

  async has(address: string, companyId: string): Promise<PeerAnswer> {
    try {
      const response = await this.#get(address, companyPath(companyId, 'instance'));
      if (response.status !== 200 && response.status !== 404) return { unknownBecause: await this.#reasonOf(response) };
      await response.body?.cancel();
      return { has: response.status === 200 };
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
    let asked = address;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await this.#get(asked, companyPath(companyId));
      const location = response.headers.get('location');
      if (response.status === 307 && location !== null) {
        await response.body?.cancel();
        asked = await this.#memberAt(location, asked);
      } else if (response.status === 200 || response.status === 404) {
        const explanation = await this.#answer(response, asked, SCHEMAS.explanation);
        if (explanation.companyId === companyId) return explanation;
        throw new InstanceError(`${asked} answers about another company than it was asked for`);
      } else throw await this.#refusal(response, asked);
    }
    throw new InstanceError(`${asked} and others redirect to each other, because the group is rebalancing: ask again`);
  }

  /** The partitions of the instance at this address. @throws InstanceError */
  async partitions(address: string): Promise<readonly ListedPartition[]> {
    return (await this.#partitionsAt(address)).partitions as readonly ListedPartition[];
  }

  /** Partition -> changelog position of the standbys that it keeps. @throws InstanceError */
  async standbyPositions(address: string): Promise<ReadonlyMap<number, number>> {
    const { standbys = [] } = await this.#partitionsAt(address);
    return new Map(standbys.map(({ partition, position }) => [partition, position]));
  }

  /** Its pending companies. @throws InstanceError */
  list(address: string, state: ListState, limit: number): Promise<CompanyList> {
    return this.#json(address, `/companies?state=${state}&limit=${limit}&scope=instance`, SCHEMAS.companies);
  }

  #partitionsAt(address: string): Promise<z.output<typeof SCHEMAS.partitions>> {
    return this.#json(address, '/partitions', SCHEMAS.partitions);
  }

  /** Uses only the address of a redirect: the path stays the one that was asked for. */
  async #memberAt(location: string, asked: string): Promise<string> {
    const address = URL.canParse(location, asked) ? new URL(location, asked).origin : location;
    if ((await this.members()).includes(address)) return address;
    throw new InstanceError(
      `${asked} redirects to ${address.slice(0, MAX_REASON_LENGTH)}, which is not a member of the group`,
    );
  }

  async #json<T extends z.ZodType>(address: string, target: string, schema: T): Promise<z.output<T>> {
    const response = await this.#get(address, target);
    if (response.status !== 200) throw await this.#refusal(response, address);
    return await this.#answer(response, address, schema);
  }

  async #get(advertised: string, target: string): Promise<Response> {
    const address = instanceAddress(advertised);
    if (address === null)
      throw new InstanceError(`${advertised.slice(0, MAX_REASON_LENGTH)} is not the address of an instance`);
    const proof = this.proofs.of({ method: 'GET', address, target });
    const headers = proof === null ? {} : { authorization: proof };
    try {
      return await fetch(address + target, {
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(INSTANCE_ANSWER_TIMEOUT_MS),
      });
    } catch (error) {
      throw new InstanceError(`${address} gives no answer: ${reasonOf(error)}`, { cause: error });
    }
  }

  /** Reads and checks an answer. Fields that a later release adds are allowed. */
  async #answer<T extends z.ZodType>(response: Response, address: string, schema: T): Promise<z.output<T>> {
    const body = await this.#body(response, address, MAX_ANSWER_BYTES);
    const path = firstFaultIn(body, schema);
    if (path === null) return body as z.output<T>;
    const where = path.join('.').slice(0, MAX_REASON_LENGTH);
    throw new InstanceError(
      `${address} does not answer in the expected format (${where === '' ? 'no JSON object' : `at ${where}`}): check ` +
        'whether another program or another release runs there',
    );
  }

  async #refusal(response: Response, address: string): Promise<InstanceError> {
    return new InstanceError(`${address} answers ${response.status}: ${await this.#reasonOf(response)}`);
  }

  async #reasonOf(response: Response): Promise<string> {
    const { status, headers } = response;
    if (status === 401 && headers.get('www-authenticate')?.includes(MEMBER_SCHEME) !== true) {
      await response.body?.cancel();
      return 'it runs an older release, which requires the token itself: upgrade it, or ask it directly';
    }
    const body = await this.#body(response, '', MAX_REFUSAL_BYTES).catch(() => null);
    const { error } = (body ?? {}) as { readonly error?: unknown };
    const reason = typeof error === 'string' ? error.slice(0, MAX_REASON_LENGTH) : `status ${status}`;
    return status === 401 ? `it does not accept our HTTP_TOKEN (${reason})` : reason;
  }

  /** Returns null if the answer is not JSON. @throws InstanceError if the answer is too long, or breaks off */
  async #body(response: Response, address: string, maxBytes: number): Promise<unknown> {
    try {
      const text = await boundedText(response, maxBytes, this.#budget);
      if (hasTooManyParts(text)) throw new AnswerTooLargeError(`the answer has more than ${MAX_ANSWER_PARTS} parts`);
      const exceeded = exceededJsonLimit(text);
      if (exceeded !== null) throw new AnswerTooLargeError(exceeded);
      return JSON.parse(text) as unknown;
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      const why = error instanceof AnswerTooLargeError ? error.message : `the answer broke off (${reasonOf(error)})`;
      throw new InstanceError(`${address} gives no complete answer: ${why}`, { cause: error });
    }
  }
}
