/** The offsets of one group: the committed ones, and those of open transactions. */
export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

export class GroupOffsets {
  readonly #committed = new Map<string, GroupOffset>();
  /** By producer id. */
  readonly #pending = new Map<bigint, Map<string, GroupOffset>>();

  get all(): readonly GroupOffset[] {
    return [...this.#committed.values()];
  }

  get isEmpty(): boolean {
    return this.#committed.size === 0 && this.#pending.size === 0;
  }

  /** @param producerId of the transaction that commits them; null without */
  commit(offsets: readonly GroupOffset[], producerId: bigint | null): void {
    const into =
      producerId === null ? this.#committed : (this.#pending.get(producerId) ?? new Map<string, GroupOffset>());
    for (const each of offsets) into.set(keyOf(each.topic, each.partition), each);
    if (producerId !== null) this.#pending.set(producerId, into);
  }

  /** The transaction of a producer has ended. */
  end(producerId: bigint, isCommit: boolean): void {
    const pending = this.#pending.get(producerId);
    this.#pending.delete(producerId);
    if (isCommit) for (const [key, offset] of pending ?? []) this.#committed.set(key, offset);
  }

  find(topic: string, partition: number): GroupOffset | undefined {
    return this.#committed.get(keyOf(topic, partition));
  }

  isPending(topic: string, partition: number): boolean {
    return [...this.#pending.values()].some((offsets) => offsets.has(keyOf(topic, partition)));
  }

  delete(topic: string, partition: number): void {
    this.#committed.delete(keyOf(topic, partition));
  }

  clear(): void {
    this.#committed.clear();
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
