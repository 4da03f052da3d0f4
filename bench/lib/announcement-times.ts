import type { Producer } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';
import type { TopicPartition } from '../../src/lib/record.js';
import { ReaderClosedError } from '../../src/pipeline/errors.js';
import type { LogReader, Logs } from '../../src/pipeline/ports.js';
import { quantile, thousands } from './figures.js';
import type { WorkloadRecord } from './workload.js';

export interface AnnouncementTimesOptions {
  readonly producer: Producer;
  /** The input topic. */
  readonly events: string;
  /** The topic of announcements, which is read from its beginning. */
  readonly outbound: readonly TopicPartition[];
  readonly logs: Logs;
  /** What announces: `mustRun` throws once it has ended. */
  readonly processor: { mustRun(): void };
}

const POLL_MS = 5;
const LAST_ANNOUNCEMENTS_MS = 30_000;

/** Measures when completing records were sent and when their announcements could be read. */
export class AnnouncementTimes {
  readonly #options: AnnouncementTimesOptions;
  /** By company, in milliseconds of `performance.now()`. */
  readonly #sentAt = new Map<string, number>();
  readonly #readers: readonly LogReader[];
  readonly #reading: Promise<unknown>;
  #latencies: number[] = [];

  constructor(options: AnnouncementTimesOptions) {
    this.#options = options;
    this.#readers = options.outbound.map((partition) => options.logs.reader(partition, 0));
    this.#reading = Promise.allSettled(this.#readers.map((reader) => this.#read(reader)));
  }

  /** Sends one portion. */
  async send(records: WorkloadRecord[]): Promise<void> {
    const now = performance.now();
    for (const { key, completes } of records) if (completes) this.#sentAt.set(key, now);
    await this.#options.producer.send({ topic: this.#options.events, messages: records });
  }

  /** Waits for the announcements that are still to come. @returns the latencies since the last call, ascending, in ms */
  async latencies(): Promise<readonly number[]> {
    const deadline = performance.now() + LAST_ANNOUNCEMENTS_MS;
    while (this.#sentAt.size > 0) {
      this.#options.processor.mustRun();
      if (performance.now() > deadline) throw new Error(`${this.#sentAt.size} companies were not announced`);
      await delay(POLL_MS);
    }
    const sorted = this.#latencies.sort((a, b) => a - b);
    this.#latencies = [];
    return sorted;
  }

  /** Prints what `latencies` returns. */
  async report(what: string): Promise<void> {
    const sorted = await this.latencies();
    const at = (share: number): string => `${quantile(sorted, share).toFixed(1)} ms`;
    console.log(`${what}: p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}, of ${thousands(sorted.length)} announcements`);
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.close();
    await this.#reading;
  }

  async #read(reader: LogReader): Promise<void> {
    try {
      for (;;) {
        const { records } = await reader.next(1_000);
        const now = performance.now();
        for (const { key } of records) {
          const sentAt = this.#sentAt.get(String(key));
          if (sentAt === undefined) continue; // Completed by a record that was not measured.
          this.#latencies.push(now - sentAt);
          this.#sentAt.delete(String(key));
        }
      }
    } catch (error) {
      if (!(error instanceof ReaderClosedError)) throw error;
    }
  }
}
