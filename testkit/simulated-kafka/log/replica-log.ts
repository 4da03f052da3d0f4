/** The log of one replica: batches in the order of their offsets, and what follows from them. */
import { placed, type Batch, type StoredBatch } from './batch.js';
import { ProducerStates } from './producer-states.js';

interface EpochStart {
  readonly epoch: number;
  readonly start: number;
}

export class ReplicaLog {
  #batches: StoredBatch[] = [];
  #epochs: EpochStart[] = [];
  /** Where the log begins. Above 0 after records were deleted. */
  start = 0;
  producers = new ProducerStates();

  /** The offset after the last batch. */
  get end(): number {
    const last = this.#batches.at(-1);
    return last === undefined ? this.start : last.lastOffset + 1;
  }

  get bytes(): number {
    return this.#batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get batches(): readonly StoredBatch[] {
    return this.#batches;
  }

  /** A leader appends. */
  append(batch: Batch, leaderEpoch: number): StoredBatch {
    const stored = placed(batch, this.end, leaderEpoch);
    this.#add(stored);
    return stored;
  }

  /** A follower copies what it lacks of its leader's log, after it has dropped what the leader does not have. */
  follow(leader: ReplicaLog): void {
    this.truncate(this.#commonEnd(leader));
    if (leader.start > this.start) this.deleteBefore(leader.start);
    for (let i = leader.#indexOf(this.end); i < leader.#batches.length; i++) this.#add(leader.#batches[i]!);
    this.#epochs = [...leader.#epochs];
  }

  beginEpoch(epoch: number): void {
    this.#epochs = this.#epochs.filter(({ start }) => start < this.end);
    this.#epochs.push({ epoch, start: this.end });
  }

  /** Drops all batches at and above the offset. */
  truncate(offset: number): void {
    if (offset >= this.end) return;
    const kept = this.#batches.filter(({ lastOffset }) => lastOffset < offset);
    this.#epochs = this.#epochs.filter(({ start }) => start < offset);
    this.#batches = [];
    this.producers = new ProducerStates();
    for (const batch of kept) this.#add(batch);
  }

  deleteBefore(offset: number): void {
    this.#batches = this.#batches.filter(({ lastOffset }) => lastOffset >= offset);
    this.start = offset;
  }

  /** Replaces batches by shorter ones of the same offsets, or removes them. @param next null removes a batch */
  compact(next: (batch: StoredBatch) => StoredBatch | null): void {
    this.#batches = this.#batches.flatMap((batch) => next(batch) ?? []);
  }

  /**
   * Whole batches from an offset on: as many as fit, and at least one if it is below `to`.
   * @param to the high watermark or the last stable offset
   */
  read(from: number, to: number, maxBytes: number): StoredBatch[] {
    const read: StoredBatch[] = [];
    let bytes = 0;
    for (let i = this.#indexOf(from); i < this.#batches.length; i++) {
      const batch = this.#batches[i]!;
      bytes += batch.bytes.length;
      if (batch.lastOffset >= to || (read.length > 0 && bytes > maxBytes)) break;
      read.push(batch);
    }
    return read;
  }

  /** The largest epoch up to this one, and where the next higher one begins; undefined if there is none. */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    const last = this.#epochs.findLastIndex((known) => known.epoch <= epoch);
    const found = this.#epochs[last];
    return found && { epoch: found.epoch, endOffset: this.#epochs[last + 1]?.start ?? this.end };
  }

  epochAt(offset: number): number {
    return this.#epochs.findLast(({ start }) => start <= offset)?.epoch ?? -1;
  }

  #add(batch: StoredBatch): void {
    this.#batches.push(batch);
    this.producers.add(batch);
    if ((this.#epochs.at(-1)?.epoch ?? -1) < batch.leaderEpoch)
      this.#epochs.push({ epoch: batch.leaderEpoch, start: batch.baseOffset });
  }

  #commonEnd(leader: ReplicaLog): number {
    const common = this.#batches.findLast(({ baseOffset, leaderEpoch }) => {
      const same = leader.#batches[leader.#indexOf(baseOffset)];
      return same?.baseOffset === baseOffset && same.leaderEpoch === leaderEpoch;
    });
    return common === undefined ? this.start : common.lastOffset + 1;
  }

  /** Index of the first batch that ends at or after the offset. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.#batches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#batches[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
