/** Ids of an announcement have 36 characters. Anyone who may write to the topic may make longer ones. */
const MAX_ID_CHARACTERS = 100;
const REMEMBERED_IDS = 10_000;

/** Ids delivered lately: spares the receiver most of what comes again, but does not outlive us. An id that is too long is not kept. */
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
