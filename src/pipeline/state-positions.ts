/**
 * Changelog positions of the state on this instance's disk: of running partitions, of standbys, and of folders left
 * behind. The group's leader uses them to place partitions. A wrong position only costs time: no decision depends on
 * it.
 */
export class StatePositions {
  readonly #positions: Map<number, number>;

  /** @param found partition -> changelog offset, read from the folders before anything runs */
  constructor(found: ReadonlyMap<number, number> = new Map()) {
    this.#positions = new Map(found);
  }

  /** The state of `partition` is on the disk up to changelog offset `position`, or will be after the next write. */
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
