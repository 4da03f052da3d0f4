/** The event id of an announcement has 36 characters. But anyone who may write to the topic can write longer ids. */
const MAX_ID_CHARACTERS = 100;
const REMEMBERED_IDS = 10_000;

/**
 * Remembers the ids of recent deliveries. That spares the receiver most repetitions, until this process ends. An id
 * that is too long is not kept.
 */
export class DeliveredIds {
  /** The oldest first. */
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    if (id.length > MAX_ID_CHARACTERS) return;
    this.#ids.add(id);
    if (this.#ids.size <= REMEMBERED_IDS) return;
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }
}
