/**
 * Which readers of the process may hold a large batch decompressed, so that all of them together stay within a bound.
 *
 * One batch is opened at a time, and only while those that are open take less than the budget. So they take the budget
 * and one batch of MAX_BATCH_BYTES at most. Others wait in line. A reader that nobody has asked for records for a while
 * has its batch closed if others wait: it opens the batch again when it needs it.
 *
 * A batch that takes too long to open is given up, so that its reader ends with an error and its partition says so. It may
 * still take its memory later, so nothing else is opened until it has ended: who waits meanwhile ends with the same error.
 */
import type { Clock } from '../../lib/clock.js';
import { settlesWithin } from '../../lib/long-promise.js';

export interface LargeBatchHolder {
  /** Free the memory of the batch. */
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
/** A partition asks for records again within that time, unless the registry or the brokers give no answer. */
const IDLE_AFTER_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
/** A batch of 256 MiB takes seconds. */
const OPEN_DEADLINE_MS = 60_000;

/** Decompressing needs a thread of the process, and all of them may hang on the volume of the state. */
export class LateOpeningError extends Error {
  override readonly name = 'LateOpeningError';

  constructor() {
    super(
      `a large record batch was not decompressed within ${OPEN_DEADLINE_MS / 1000} s: no thread of the process was free ` +
        'for it, as while the disk of STATE_DIR does not answer',
    );
  }
}

export class LargeBatches {
  readonly #held = new Map<LargeBatchHolder, Held>();
  #waiting: Waiting[] = [];
  #opening = false;
  /** What is being opened takes too long. */
  #late = false;
  #looking = false;

  constructor(
    private readonly clock: Clock,
    private readonly budgetBytes = BUDGET_BYTES,
  ) {}

  /** Of all batches that are open. */
  get heldBytes(): number {
    let bytes = 0;
    for (const held of this.#held.values()) bytes += held.bytes;
    return bytes;
  }

  /**
   * Opens a batch for `holder` when it is its turn. Resolves without it after `release`.
   * @param open decompresses, and returns how many bytes that takes
   * @throws what `open` throws; LateOpeningError
   */
  open(holder: LargeBatchHolder, open: () => Promise<number>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ holder, open, resolve, reject });
      this.#next();
    });
  }

  /** The holder has read some records, and holds so many bytes now. */
  used(holder: LargeBatchHolder, bytes: number): void {
    const held = this.#held.get(holder);
    if (held === undefined) return;
    held.usedAt = this.clock.now();
    if (bytes === 0) this.release(holder);
  }

  /** The holder holds nothing, and waits for nothing. */
  release(holder: LargeBatchHolder): void {
    this.#held.delete(holder);
    const mine = this.#waiting.filter((waiting) => waiting.holder === holder);
    this.#waiting = this.#waiting.filter((waiting) => waiting.holder !== holder);
    for (const { resolve } of mine) resolve();
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
        this.#held.set(holder, { bytes: await opened, usedAt: this.clock.now() });
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

  /** Resolves when it has ended. Never rejects. */
  async #lateOpening(opened: Promise<unknown>): Promise<void> {
    this.#late = true;
    this.#next();
    await Promise.allSettled([opened]);
    this.#late = false;
  }

  /** Looks from time to time for as long as somebody waits. Never rejects. */
  async #closeIdle(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    while (this.#waiting.length > 0) {
      await this.clock.delay(LOOK_EVERY_MS);
      for (const [holder, { usedAt }] of this.#held) {
        if (this.#waiting.length === 0 || this.clock.now() - usedAt < IDLE_AFTER_MS) continue;
        holder.closeLarge();
        this.release(holder);
      }
    }
    this.#looking = false;
  }
}
