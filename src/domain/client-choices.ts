/** The clients that have chosen ALL_DATASETS. The other choice is the default, so it is not stored: see policy.ts. */
import { assertNever } from '../lib/assert-never.js';
import type { Policy } from './policy.js';

/** Bytes of memory that the choices may take: enough for about 490,000 clients with ids of 36 characters. */
export const MAX_CHOICES_BYTES = 64 * 1_024 * 1_024;
/**
 * While older records are read, the choices may take this many times the bytes that they may take afterwards. Later
 * records may delete choices, and until compaction the topic still contains the deleted choices.
 */
const PEAK_FACTOR = 2;
/** Bytes of an entry in the set, without the characters of its id. */
const ENTRY_BYTES = 64;
/** Bytes of each character in a text that has a character outside Latin-1. */
const CHARACTER_BYTES = 2;

/** The choices would take more memory than allowed. An operator must decide which choices to delete. */
export class TooManyChoicesError extends Error {
  override readonly name = 'TooManyChoicesError';
}

export class ClientChoices {
  readonly #clientIds = new Set<string>();
  /** Those of them whose choice has a schema that is not known. */
  readonly #unknown = new Set<string>();
  #bytes = 0;

  constructor(private readonly maxBytes = MAX_CHOICES_BYTES) {}

  policyOf(clientId: string): Policy | undefined {
    return this.#clientIds.has(clientId) ? 'ALL_DATASETS' : undefined;
  }

  /** @throws TooManyChoicesError, and changes nothing, if the choices exceed the bound that counts at all times */
  set(clientId: string, policy: Policy): void {
    switch (policy) {
      case 'FIRST_DATASET':
        this.delete(clientId);
        return;
      case 'ALL_DATASETS':
        this.#nowKnown(clientId);
        this.#add(clientId);
        return;
      default:
        assertNever(policy);
    }
  }

  /**
   * Notes a choice that cannot be read. The client counts as ALL_DATASETS: the other policy could announce early, and an
   * announcement cannot be undone. The former choice does not count: after compaction, nobody can know it.
   *
   * @throws as `set`
   */
  setUnreadable(clientId: string, isSchemaUnknown: boolean): void {
    this.delete(clientId);
    this.#add(clientId);
    if (!isSchemaUnknown) return;
    this.#unknown.add(clientId);
    this.#bytes += ENTRY_BYTES;
  }

  /** The number of clients whose choice has a schema that is not known. */
  get unknownSchemas(): number {
    return this.#unknown.size;
  }

  /**
   * Call it when all records were read, because the last ones may have deleted choices.
   * @throws TooManyChoicesError if the choices take more memory than allowed
   */
  mustFit(): void {
    if (this.#bytes > this.maxBytes) throw this.#tooMany(this.#clientIds.size, this.#bytes, DELETE_SOME);
  }

  delete(clientId: string): void {
    this.#nowKnown(clientId);
    if (this.#clientIds.delete(clientId)) this.#bytes -= bytesOf(clientId);
  }

  #nowKnown(clientId: string): void {
    if (this.#unknown.delete(clientId)) this.#bytes -= ENTRY_BYTES;
  }

  #add(clientId: string): void {
    if (this.#clientIds.has(clientId)) return;
    const bytes = this.#bytes + bytesOf(clientId);
    if (bytes > PEAK_FACTOR * this.maxBytes)
      throw this.#tooMany(this.#clientIds.size + 1, bytes, `${DELETE_SOME}. ${AND_COMPACT}`);
    this.#clientIds.add(clientId);
    this.#bytes = bytes;
  }

  #tooMany(clients: number, bytes: number, whatToDo: string): TooManyChoicesError {
    return new TooManyChoicesError(
      `${clients} clients have chosen ALL_DATASETS, which takes ${bytes} bytes of memory; the limit is ${this.maxBytes} ` +
        `bytes. ${whatToDo}`,
    );
  }
}

const DELETE_SOME =
  'Delete the choices that are not needed: send a record without a value for each of these clients. A choice counts only ' +
  'for records stamped before ALL_DATASETS_FROM';
const AND_COMPACT =
  'These are so many that the topic must also be compacted before it can be read: set segment.ms and ' +
  'max.compaction.lag.ms of the topic to 60000 for some minutes (kafka-configs.sh), and send one more record';

function bytesOf(clientId: string): number {
  return ENTRY_BYTES + CHARACTER_BYTES * clientId.length;
}
