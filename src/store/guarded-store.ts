import {
  CorruptStoreError,
  StoreUnavailableError,
  type KeyChange,
  type KeyValueStore,
  type Pair,
} from './key-value-store.js';

/** A store that remembers its errors: that it is corrupt, and that a write has failed. */
export abstract class GuardedStore implements Pick<KeyValueStore, 'read' | 'scan' | 'page'> {
  /** Why the store cannot be trusted, if that is known. */
  protected corruption: CorruptStoreError | undefined;
  /**
   * The error of a failed write. After a failed write, all writes are refused: nobody knows what the failed write has
   * changed until the store is opened again.
   */
  #failure: unknown;
  #writing = false;

  constructor(protected readonly store: KeyValueStore) {}

  read(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    return this.#noticingCorruption(this.store.read(keys));
  }

  scan(prefix: Buffer, limit?: number): Promise<Pair[]> {
    return this.#noticingCorruption(this.store.scan(prefix, limit));
  }

  page(prefix: Buffer, after: Buffer | null, limit: number): Promise<Pair[]> {
    return this.#noticingCorruption(this.store.page(prefix, after, limit));
  }

  protected async write(changes: readonly KeyChange[]): Promise<void> {
    if (this.#failure !== undefined)
      throw new StoreUnavailableError('an earlier write failed; the store must be opened again', {
        cause: this.#failure,
      });
    if (this.#writing) throw new Error('two writes of one partition store overlap');
    this.#writing = true;
    try {
      await this.#noticingCorruption(this.store.write(changes));
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#writing = false;
    }
  }

  async #noticingCorruption<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      if (error instanceof CorruptStoreError) this.corruption = error;
      throw error;
    }
  }
}
