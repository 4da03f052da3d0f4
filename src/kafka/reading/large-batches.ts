/**
 * Decides which readers of the process may hold decompressed bytes of a large batch, so that their memory has a common
 * limit.
 *
 * A reader decompresses a large batch some records at a time, and one reader at a time does so. A reader may begin a batch
 * only while the others hold less than the budget. Other readers wait in line. A huge record is larger than a read
 * usually is. It is decompressed only while no other huge record is in memory, and it counts until its reader releases it:
 * for a partition, until what came of it is committed. So together the readers hold at most the budget, one begun batch
 * and one huge record.
 *
 * If other readers wait, a batch is closed when its reader has read no records from it for some time. Its reader opens the
 * batch again when it needs it.
 *
 * If it takes too long to decompress records, their reader ends with an error, and its partition reports that error. The
 * decompression may still take memory later. So nothing else is decompressed until it has finished. Every reader that
 * waits meanwhile ends with the same error.
 */
import { steadyMs } from '../../lib/stopwatch.js';
import type { Clock } from '../../lib/clock.js';
import { settlesWithin } from '../../lib/long-promise.js';

export interface LargeBatchHolder {
  /** Frees the memory of the batch. @returns bytes that it still holds: those of a huge record that is in use */
  closeLarge(): number;
}

interface Waiting {
  readonly holder: LargeBatchHolder;
  readonly isHuge: boolean;
  readonly open: () => Promise<number>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Held {
  readonly bytes: number;
  /** They include a huge record. */
  readonly isHuge: boolean;
  readonly usedAt: number;
}

const BUDGET_BYTES = 64 * 1024 * 1024;
/** A partition reads again within this time, unless the registry or the brokers do not answer. */
const IDLE_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
/** Decompressing the 32 MiB of a huge record takes seconds at most; so does skipping 256 MiB after a batch was closed. */
const OPEN_DEADLINE_MS = 60_000;

/** Decompressing needs a thread of the process, and all threads may wait for a state volume that hangs. */
export class LateOpeningError extends Error {
  override readonly name = 'LateOpeningError';

  constructor() {
    super(
      `a large record batch was not decompressed within ${OPEN_DEADLINE_MS / 1000} s: no thread of the process was free. ` +
        'Check that the disk of STATE_DIR answers',
    );
  }
}

export class LargeBatches {
  readonly #held = new Map<LargeBatchHolder, Held>();
  #waiting: Waiting[] = [];
  #opening = false;
  /** The batch that is being opened takes too long. */
  #late = false;
  #looking = false;

  constructor(
    private readonly clock: Clock,
    private readonly budgetBytes = BUDGET_BYTES,
  ) {}

  /** Bytes of all readers. */
  get heldBytes(): number {
    let bytes = 0;
    for (const held of this.#held.values()) bytes += held.bytes;
    return bytes;
  }

  /**
   * Decompresses the next records of a batch for `holder` when its turn comes. If `release` is called before, it resolves
   * without decompressing.
   * @param open decompresses the records, and returns how many bytes the batch takes then
   * @param isHuge whether `open` decompresses a huge record
   * @throws what `open` throws; LateOpeningError
   */
  open(holder: LargeBatchHolder, open: () => Promise<number>, isHuge = false): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ holder, isHuge, open, resolve, reject });
      this.#next();
    });
  }

  /** Call it when `holder` has read or released records. @param bytes how many it holds now */
  used(holder: LargeBatchHolder, bytes: number, isHuge = false): void {
    if (!this.#held.has(holder)) return;
    if (bytes === 0) return this.release(holder);
    this.#held.set(holder, { bytes, isHuge, usedAt: steadyMs(this.clock) });
    this.#next();
  }

  /** Call it when `holder` holds nothing, and does not wait any more. */
  release(holder: LargeBatchHolder): void {
    this.#held.delete(holder);
    const ofHolder = this.#waiting.filter((waiting) => waiting.holder === holder);
    this.#waiting = this.#waiting.filter((waiting) => waiting.holder !== holder);
    for (const { resolve } of ofHolder) resolve();
    this.#next();
  }

  #next(): void {
    if (this.#late) for (const { reject } of this.#waiting.splice(0)) reject(new LateOpeningError());
    if (this.#opening || this.#waiting.length === 0) return;
    const next = this.#waiting.findIndex((waiting) => this.#mayOpen(waiting));
    const [opened] = next < 0 ? [] : this.#waiting.splice(next, 1);
    if (opened === undefined) return void this.#closeIdle();
    this.#opening = true;
    void this.#open(opened);
  }

  /** A batch that is begun already must go on: only then are its bytes released. */
  #mayOpen({ holder, isHuge }: Waiting): boolean {
    if (!isHuge) return this.#held.has(holder) || this.heldBytes < this.budgetBytes;
    for (const [other, held] of this.#held) if (other !== holder && held.isHuge) return false;
    return true;
  }

  /** Never rejects. */
  async #open({ holder, isHuge, open, resolve, reject }: Waiting): Promise<void> {
    try {
      const opened = open();
      if (await settlesWithin(opened, this.clock, OPEN_DEADLINE_MS)) {
        this.#held.set(holder, { bytes: await opened, isHuge, usedAt: steadyMs(this.clock) });
        resolve();
      } else {
        reject(new LateOpeningError());
        await this.#lateOpening(opened);
        holder.closeLarge();
      }
    } catch (error) {
      reject(error);
    }
    this.#opening = false;
    this.#next();
  }

  /** Refuses all waiting readers until the late opening has finished. Never rejects. */
  async #lateOpening(opened: Promise<unknown>): Promise<void> {
    this.#late = true;
    this.#next();
    await Promise.allSettled([opened]);
    this.#late = false;
  }

  /** Closes idle batches from time to time, while readers wait. Never rejects. */
  async #closeIdle(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    while (this.#waiting.length > 0) {
      await this.clock.delay(LOOK_EVERY_MS);
      for (const [holder, { usedAt, isHuge }] of this.#held) {
        if (this.#waiting.length === 0 || steadyMs(this.clock) - usedAt < IDLE_AFTER_MS) continue;
        const bytes = holder.closeLarge();
        if (bytes === 0) this.release(holder);
        else this.#held.set(holder, { bytes, isHuge, usedAt });
      }
    }
    this.#looking = false;
  }
}
