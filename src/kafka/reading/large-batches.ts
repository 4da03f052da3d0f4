/**
 * Decides which readers of the process may hold a large batch decompressed, so that their memory has a common limit.
 *
 * One batch is opened at a time, and only while the open ones take less than the budget. So together they take at most
 * the budget and one batch of MAX_BATCH_BYTES. Other readers wait in line. If other readers wait, an open batch is
 * closed when its reader has read no records from it for some time. Its reader opens the batch again when it needs it.
 *
 * If a batch takes too long to open, its reader ends with an error, and its partition reports that error. The
 * decompression may still take memory later. So no other batch is opened until the decompression has finished. Every
 * reader that waits meanwhile ends with the same error.
 */
import { steadyMs } from '../../lib/stopwatch.js';
import type { Clock } from '../../lib/clock.js';
import { settlesWithin } from '../../lib/long-promise.js';

export interface LargeBatchHolder {
  /** Frees the memory of the batch. */
  closeLarge(): void;
}

interface Waiting {
  readonly holder: LargeBatchHolder;
  readonly open: () => Promise<number>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Held {
  bytes: number;
  usedAt: number;
}

const BUDGET_BYTES = 64 * 1024 * 1024;
/** A partition reads again within this time, unless the registry or the brokers do not answer. */
const IDLE_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
/** Decompressing 256 MiB takes seconds. */
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

  /** Bytes of all open batches. */
  get heldBytes(): number {
    let bytes = 0;
    for (const held of this.#held.values()) bytes += held.bytes;
    return bytes;
  }

  /**
   * Opens a batch for `holder` when its turn comes. If `release` is called before, it resolves without opening the
   * batch.
   * @param open decompresses the batch, and returns how many bytes that takes
   * @throws what `open` throws; LateOpeningError
   */
  open(holder: LargeBatchHolder, open: () => Promise<number>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ holder, open, resolve, reject });
      this.#next();
    });
  }

  /** Call it when `holder` has read records. `bytes` is how many bytes it holds now. */
  used(holder: LargeBatchHolder, bytes: number): void {
    const held = this.#held.get(holder);
    if (held === undefined) return;
    held.usedAt = steadyMs(this.clock);
    if (bytes === 0) this.release(holder);
  }

  /** Call it when `holder` holds no batch, and does not wait for one any more. */
  release(holder: LargeBatchHolder): void {
    this.#held.delete(holder);
    const ofHolder = this.#waiting.filter((waiting) => waiting.holder === holder);
    this.#waiting = this.#waiting.filter((waiting) => waiting.holder !== holder);
    for (const { resolve } of ofHolder) resolve();
    this.#next();
  }

  #next(): void {
    if (this.#late) for (const { reject } of this.#waiting.splice(0)) reject(new LateOpeningError());
    if (this.#opening) return;
    if (this.heldBytes >= this.budgetBytes) {
      if (this.#waiting.length > 0) void this.#closeIdle();
      return;
    }
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#opening = true;
    void this.#open(next);
  }

  /** Never rejects. */
  async #open({ holder, open, resolve, reject }: Waiting): Promise<void> {
    try {
      const opened = open();
      if (await settlesWithin(opened, this.clock, OPEN_DEADLINE_MS)) {
        this.#held.set(holder, { bytes: await opened, usedAt: steadyMs(this.clock) });
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
      for (const [holder, { usedAt }] of this.#held) {
        if (this.#waiting.length === 0 || steadyMs(this.clock) - usedAt < IDLE_AFTER_MS) continue;
        holder.closeLarge();
        this.release(holder);
      }
    }
    this.#looking = false;
  }
}
