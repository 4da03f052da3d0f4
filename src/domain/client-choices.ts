/** The clients that have chosen ALL_DATASETS. The other choice is the default, so it is not stored: see policy.ts. */
import { assertNever } from '../lib/assert-never.js';
import type { Policy } from './policy.js';

/** Bytes of memory that the choices may take: enough for about 490,000 clients with ids of 36 characters. */
export const MAX_CHOICES_BYTES = 64 * 1_024 * 1_024;
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
  #bytes = 0;

  constructor(private readonly maxBytes = MAX_CHOICES_BYTES) {}

  policyOf(clientId: string): Policy | undefined {
    return this.#clientIds.has(clientId) ? 'ALL_DATASETS' : undefined;
  }

  /** @throws TooManyChoicesError, and changes nothing */
  set(clientId: string, policy: Policy): void {
    switch (policy) {
      case 'FIRST_DATASET':
        this.delete(clientId);
        return;
      case 'ALL_DATASETS':
        this.#add(clientId);
        return;
      default:
        assertNever(policy);
    }
  }

  delete(clientId: string): void {
    if (this.#clientIds.delete(clientId)) this.#bytes -= bytesOf(clientId);
  }

  #add(clientId: string): void {
    if (this.#clientIds.has(clientId)) return;
    const bytes = this.#bytes + bytesOf(clientId);
    if (bytes > this.maxBytes)
      throw new TooManyChoicesError(
        `${this.#clientIds.size + 1} clients have chosen ALL_DATASETS, which takes ${bytes} bytes of memory; at most ` +
          `${this.maxBytes} are allowed. Delete the choices that are not needed: send a record without a value for each ` +
          'of these clients. A choice counts only for records stamped before ALL_DATASETS_FROM',
      );
    this.#clientIds.add(clientId);
    this.#bytes = bytes;
  }
}

function bytesOf(clientId: string): number {
  return ENTRY_BYTES + CHARACTER_BYTES * clientId.length;
}
