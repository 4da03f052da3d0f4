/** Measures how long partitions pause, as an outside reader sees it. */
import type { Producer } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import type { PlatformEncoder } from '../../testkit/platform-events.js';
import { SeededRandom } from '../../testkit/seeded-random.js';
import { ReaderClosedError } from '../../src/pipeline/errors.js';
import type { LogReader, Logs } from '../../src/pipeline/ports.js';
import type { Deployment } from './deployment.js';
import { partitionsOf } from './topic-reading.js';
import { workload, type WorkloadRecord } from './workload.js';

export interface PausesOptions {
  readonly producer: Producer;
  readonly encoder: PlatformEncoder;
  readonly deployment: Deployment;
  readonly logs: Logs;
  readonly partitions: number;
  /** The time between two companies of one partition, in milliseconds. */
  readonly intervalMs: number;
}

const POLL_MS = 20;
const READ_RECORDS = 1_000;
const ONE_DATASET = { companies: Infinity, inFlight: 1, datasetsPerCompany: 1, statuses: ['Complete'] };

/**
 * Writes to every partition at a steady rate. Every `intervalMs` it writes the manifest and the completion of a company
 * with one dataset. They lead to one announcement in the outbound partition of the same number.
 *
 * For a period, the pause of a partition is the longest wait of a completing record that was written in that period.
 * The wait begins just before the record is sent, and ends when a consumer of committed records has its announcement.
 * So a pause ends when the partition has caught up with that record, and the pause of a partition that never stopped is
 * its usual latency.
 */
export class Pauses {
  readonly #options: PausesOptions;
  /** By company; `sentAt` in milliseconds of `performance.now()`. */
  readonly #waiting = new Map<string, { readonly partition: number; readonly sentAt: number }>();
  #longest: number[];
  readonly #readers: readonly LogReader[];
  readonly #reading: Promise<unknown>;
  readonly #writing: Promise<void>;
  #stopping = false;

  /** Begins at once. Call `close` at the end. */
  constructor(options: PausesOptions) {
    this.#options = options;
    this.#longest = new Array<number>(options.partitions).fill(0);
    const outbound = partitionsOf(options.deployment.topics.synchronized, options.partitions);
    this.#readers = outbound.map((partition) => options.logs.reader(partition, 0));
    this.#reading = Promise.all(this.#readers.map((reader) => this.#read(reader)));
    this.#writing = this.#write();
    // The next wait reports it.
    for (const running of [this.#reading, this.#writing]) running.catch(() => undefined);
  }

  /** Resolves once all companies that were written before this call are announced. */
  async settled(): Promise<void> {
    const now = performance.now();
    const outstanding = (): boolean => [...this.#waiting.values()].some(({ sentAt }) => sentAt <= now);
    while (outstanding()) await Promise.race([delay(POLL_MS), this.#failed()]);
  }

  /**
   * Runs `disturb`, then waits until all companies that were written meanwhile are announced.
   *
   * @returns the pause of each partition in milliseconds
   */
  async during(disturb: () => Promise<void>): Promise<readonly number[]> {
    await this.settled();
    this.#longest = this.#longest.map(() => 0);
    await Promise.race([disturb(), this.#failed()]);
    await this.settled();
    return this.#longest;
  }

  async close(): Promise<void> {
    this.#stopping = true;
    await this.#writing;
    for (const reader of this.#readers) reader.close();
    await this.#reading;
  }

  /** Rejects if writing or reading has failed. Never resolves before `close`. */
  #failed(): Promise<unknown> {
    return Promise.race([this.#writing, this.#reading]);
  }

  async #write(): Promise<void> {
    const { producer, encoder, deployment, partitions, intervalMs } = this.#options;
    const companies = Array.from({ length: partitions }, (_, seed) =>
      workload(ONE_DATASET, encoder, new SeededRandom(seed)),
    );
    const sending = new Set<Promise<unknown>>();
    for (let due = performance.now(); !this.#stopping; due += intervalMs) {
      const messages = companies.flatMap((records, partition) =>
        [records.next().value, records.next().value].map((record) => ({ ...(record as WorkloadRecord), partition })),
      );
      const sentAt = performance.now();
      for (const { key, partition, completes } of messages)
        if (completes) this.#waiting.set(key, { partition, sentAt });
      const sent = producer.send({ topic: deployment.topics.events, messages });
      sending.add(sent);
      sent.then(
        () => sending.delete(sent),
        () => undefined, // awaited below
      );
      await Promise.race([delay(Math.max(0, due + intervalMs - performance.now())), Promise.all(sending).then(never)]);
    }
    await Promise.all(sending);
  }

  async #read(reader: LogReader): Promise<void> {
    try {
      for (;;) {
        const { records } = await reader.next(READ_RECORDS);
        const now = performance.now();
        for (const { key } of records) {
          const company = this.#waiting.get(String(key));
          if (company === undefined) continue;
          this.#waiting.delete(String(key));
          const { partition, sentAt } = company;
          this.#longest[partition] = Math.max(this.#longest[partition] ?? 0, now - sentAt);
        }
      }
    } catch (error) {
      if (!(error instanceof ReaderClosedError)) throw error;
    }
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
