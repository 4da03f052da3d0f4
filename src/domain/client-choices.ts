/**
 * The clients that have chosen ALL_DATASETS. The other choice is the default and need not be kept: see policy.ts.
 */
import type { Policy } from './policy.js';

/** Bytes of memory that choices may take: about 490,000 clients with ids of 36 characters. */
export const MAX_CHOICES_BYTES = 64 * 1_024 * 1_024;
/** Of one in the set, without the characters of its id. */
const ENTRY_BYTES = 64;
/** Of a character outside of Latin-1, which makes all of its text so wide. */
const CHARACTER_BYTES = 2;

/** More clients have chosen than memory may be taken for: an operator must decide. */
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

  /** @throws TooManyChoicesError, and nothing is changed */
  set(clientId: string, policy: Policy): void {
    if (policy === 'FIRST_DATASET') {
      this.delete(clientId);
      return;
    }
    if (this.#clientIds.has(clientId)) return;
    const bytes = this.#bytes + bytesOf(clientId);
    if (bytes > this.maxBytes)
      throw new TooManyChoicesError(
        `${this.#clientIds.size + 1} clients have chosen ALL_DATASETS, which takes ${bytes} bytes of memory, and at most ` +
          `${this.maxBytes} are allowed. Delete choices that nobody needs: send a record without a value for each of these ` +
          'clients. A choice counts only for records stamped before ALL_DATASETS_FROM',
      );
    this.#clientIds.add(clientId);
    this.#bytes = bytes;
  }

  delete(clientId: string): void {
    if (this.#clientIds.delete(clientId)) this.#bytes -= bytesOf(clientId);
  }
}

function bytesOf(clientId: string): number {
  return ENTRY_BYTES + CHARACTER_BYTES * clientId.length;
}
