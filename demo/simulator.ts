/** Plays the data-sync platform and the portal: an ordinary producer that writes a timeline in real time. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Message, Producer } from 'kafkajs';
import type { ClientChoice } from './cast.js';
import type { ScriptedRecord } from './company-script.js';
import type { PlatformEncoder } from '../testkit/platform-events.js';
import type { TimedRecord } from './timeline.js';

export interface SimulatorOptions {
  readonly producer: Producer;
  readonly topics: { readonly events: string; readonly settings: string };
  readonly encoder: PlatformEncoder;
  /** ALL_DATASETS_FROM in milliseconds since the epoch. */
  readonly allDatasetsFrom: number;
  readonly timeline: readonly TimedRecord[];
}

/**
 * The timestamp of a record from before ALL_DATASETS_FROM is ALL_DATASETS_FROM minus this, plus its time in the play.
 */
const BEFORE_THE_DATE_MS = 3_600_000;
/** Records are written in portions: the records of this many milliseconds together. */
const PORTION_MS = 50;

/** The limit of a portion in bytes: the producer makes one batch for each partition, and topics accept 1 MiB. */
const MAX_SENT_BYTES = 800_000;

function bytesOf({ value }: Message): number {
  return value?.length ?? 0;
}

export class Simulator {
  readonly #options: SimulatorOptions;
  /** Bad records that other records replace: their places must be known. */
  readonly #replaced: ReadonlySet<ScriptedRecord>;
  readonly #places = new Map<ScriptedRecord, string>();
  /** An exact duplicate has the timestamp of the first record. */
  readonly #timestamps = new Map<ScriptedRecord, number>();
  #written = 0;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#replaced = new Set(options.timeline.flatMap(({ record }) => record.repairs));
  }

  /** Records written so far. */
  get written(): number {
    return this.#written;
  }

  get total(): number {
    return this.#options.timeline.length;
  }

  /** Writes the clients' choices in their order. */
  async choose(choices: readonly ClientChoice[]): Promise<void> {
    const { producer, topics, encoder } = this.#options;
    const messages = choices.map(({ clientId, choice }) => ({
      key: clientId,
      value: choice === null ? null : encoder.setting(clientId, choice),
    }));
    if (messages.length > 0) await producer.send({ topic: topics.settings, messages });
  }

  /** Writes each record at its time. Resolves once all are written, or when `signal` aborts. */
  async play(signal: AbortSignal): Promise<void> {
    const { timeline } = this.#options;
    const startedAt = Date.now();
    while (this.#written < timeline.length && !signal.aborted) {
      const now = Date.now() - startedAt;
      const end = timeline.findIndex(({ atMs }, i) => i >= this.#written && atMs > now);
      const portion = timeline.slice(this.#written, end === -1 ? timeline.length : end);
      await this.#write(portion, startedAt);
      await delay(PORTION_MS);
    }
  }

  async #write(portion: readonly TimedRecord[], startedAt: number): Promise<void> {
    let together: Message[] = [];
    for (const { record, atMs } of portion) {
      const message = this.#messageOf(record, startedAt, atMs);
      if (this.#replaced.has(record)) {
        await this.#send(together);
        together = [];
        const [sent] = await this.#send([message]);
        if (sent === undefined) throw new Error('the producer does not return the place of a record');
        this.#places.set(record, `${sent.partition}/${sent.baseOffset}`);
      } else {
        const bytes = bytesOf(message);
        if (together.reduce((sum, one) => sum + bytesOf(one), bytes) > MAX_SENT_BYTES) {
          await this.#send(together);
          together = [];
        }
        together.push(message);
      }
    }
    await this.#send(together);
  }

  async #send(messages: Message[]) {
    if (messages.length === 0) return [];
    const sent = await this.#options.producer.send({ topic: this.#options.topics.events, messages });
    this.#written += messages.length;
    return sent;
  }

  #messageOf(record: ScriptedRecord, startedAt: number, atMs: number): Message {
    let timestamp = this.#timestamps.get(record);
    if (timestamp === undefined) {
      const { allDatasetsFrom } = this.#options;
      timestamp = Math.floor((record.era === 'after' ? startedAt : allDatasetsFrom - BEFORE_THE_DATE_MS) + atMs);
      this.#timestamps.set(record, timestamp);
    }
    const { key, value, headers } = record;
    return { key, value, headers: { ...headers, ...this.#repairsOf(record) }, timestamp: String(timestamp) };
  }

  #repairsOf({ repairs }: ScriptedRecord): { repairs?: string[] } {
    if (repairs.length === 0) return {};
    const places = repairs.map((replaced) => {
      const place = this.#places.get(replaced);
      if (place === undefined) throw new Error('a record repairs one that was not written yet');
      return place;
    });
    return { repairs: places };
  }
}
