/**
 * Up to where the state of each partition on this instance's disk has followed the changelog: of those that run, of
 * standbys, and of folders left behind. The group's leader places partitions by it, so it saves time and decides
 * nothing else.
 */
export class HeldPositions {
  readonly #positions: Map<number, number>;

  /** @param found partition -> changelog offset, as the folders have it before anything runs */
  constructor(found: ReadonlyMap<number, number> = new Map()) {
    this.#positions = new Map(found);
  }

  /** The state of `partition` is on the disk up to `position` of its changelog, or will be with the next write. */
  note(partition: number, position: number): void {
    this.#positions.set(partition, position);
  }

  /** The state of `partition` has been removed. */
  forget(partition: number): void {
    this.#positions.delete(partition);
  }

  /** Partition -> changelog offset. */
  all(): ReadonlyMap<number, number> {
    return this.#positions;
  }
}
