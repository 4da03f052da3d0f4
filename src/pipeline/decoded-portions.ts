/** Decodes a batch of the input in portions, and says what the partition waits for meanwhile. */
import { steadyMs } from '../lib/stopwatch.js';
import type { SchemaWait } from '../decode/batch-decoding.js';
import type { Decoded } from '../decode/bad-record.js';
import { UnconfirmedSchemasError, type RecordsDecoding } from '../decode/registry-brake.js';
import { UNKNOWN_AFTER_MS } from '../decode/schema-denials.js';
import { RegistryUnavailableError } from '../decode/schema-source.js';
import { Backoff } from '../lib/backoff.js';
import type { PipelineContext } from './context.js';
import type { PartitionStatus } from './observer.js';
import type { LogBatch } from './ports.js';

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 5_000;

/** Records that follow each other, with their results. */
export interface DecodedPortion extends LogBatch {
  readonly decoded: Decoded[];
}

export interface StatusOfPartition {
  enter(status: PartitionStatus): void;
  /** The status of the partition while it does not wait. */
  running(): PartitionStatus;
}

export class DecodedPortions {
  readonly #decoding: RecordsDecoding;
  /** The number of records in the batch. Who decides the last portion may empty the batch. */
  readonly #count: number;
  #decoded = 0;
  /** What the partition waits for; null while it does not wait. */
  #waiting: PartitionStatus | null = null;

  constructor(
    private readonly context: Pick<PipelineContext, 'decode' | 'clock' | 'observer'>,
    private readonly partition: number,
    private readonly batch: LogBatch,
    private readonly status: StatusOfPartition,
  ) {
    this.#decoding = context.decode(batch.records, partition);
    this.#count = batch.records.length;
  }

  /** Whether all records were returned. */
  get isDone(): boolean {
    return this.#decoded === this.#count;
  }

  /**
   * The next records of the batch whose schemas are known. They do not wait for later records with unknown schemas.
   * Waits as long as the registry gives no usable answer.
   *
   * @returns null if `signal` aborted
   */
  async next(signal: AbortSignal): Promise<DecodedPortion | null> {
    const decoded = await this.#decode(signal);
    if (decoded === null) return null;
    const from = this.#decoded;
    this.#decoded += decoded.length;
    if (decoded.length === this.#count) return { ...this.batch, decoded };
    const { records, nextOffset } = this.batch;
    const portion = records.slice(from, this.#decoded);
    return { ...this.batch, records: portion, nextOffset: records[this.#decoded]?.offset ?? nextOffset, decoded };
  }

  async #decode(signal: AbortSignal): Promise<Decoded[] | null> {
    const { clock } = this.context;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    for (;;) {
      try {
        const decoded = await this.#decodeNext(signal);
        this.#runAgain();
        return decoded;
      } catch (error) {
        if (signal.aborted) return null;
        if (!(error instanceof RegistryUnavailableError)) throw error;
        const isWrong = error instanceof UnconfirmedSchemasError;
        this.#enter({ state: isWrong ? 'waiting-for-confirmation' : 'waiting-for-registry', reason: error.message });
        await clock.delay(Math.max(backoff.next(), error.retryAfterMs ?? 0), signal);
        if (signal.aborted) return null;
      }
    }
  }

  async #decodeNext(signal: AbortSignal): Promise<Decoded[]> {
    const { clock, observer } = this.context;
    const startedAt = steadyMs(clock);
    let hasWaited = false;
    const onWait = (wait: SchemaWait) => {
      hasWaited = true;
      this.#waitForIds(wait);
    };
    try {
      return await this.#decoding.next(signal, onWait);
    } finally {
      if (hasWaited) observer.waitedForSchemas(this.partition, Math.max(0, steadyMs(clock) - startedAt));
    }
  }

  /**
   * The registry answers, so the partition counts as running. But if it waited for the registry before, only a decoded
   * record shows that the registry is well: one that has lost its data answers too.
   */
  #waitForIds({ count, id, position }: SchemaWait): void {
    if (this.#waiting !== null && this.#waiting.state !== 'running') return;
    const offset = this.batch.records[position]?.offset;
    const others = count === 1 ? '' : `, and ${count - 1} later ids`;
    const reason =
      `waiting until schema id ${id} of offset ${offset}${others} is confirmed as unknown, which takes ` +
      `${UNKNOWN_AFTER_MS / 1_000} s: see CompanySyncUnknownSchemaIds in docs/operations.md`;
    this.#enter({ state: 'running', reason });
  }

  #enter(status: PartitionStatus): void {
    if (this.#waiting?.reason === status.reason) return;
    this.#waiting = status;
    this.status.enter(status);
  }

  #runAgain(): void {
    if (this.#waiting === null) return;
    this.#waiting = null;
    this.status.enter(this.status.running());
  }
}
