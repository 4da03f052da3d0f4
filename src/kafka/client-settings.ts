/** The clients' own choices of policy: the client-settings topic, read to its end before the first decision, then followed. */
import type { Logger } from 'pino';
import { RegistryUnavailableError } from '../decode/schema-source.js';
import type { ClientSetting, UnreadableSetting } from '../decode/client-settings-decoder.js';
import type { Policy } from '../domain/policy.js';
import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import type { LogRecord } from '../lib/record.js';
import type { ClientPolicies } from '../pipeline/context.js';
import { ReaderClosedError } from '../pipeline/errors.js';
import type { LogReader, Logs } from '../pipeline/ports.js';

export interface ClientSettingsOptions {
  readonly logs: Logs;
  readonly topic: string;
  readonly partitions: number;
  /** One result for each value, in their order. @throws RegistryUnavailableError */
  readonly decode: (
    values: readonly Buffer[],
    signal: AbortSignal,
  ) => Promise<readonly (ClientSetting | UnreadableSetting)[]>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const READ_RECORDS = 10_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

export class ClientSettings implements ClientPolicies {
  readonly #policies = new Map<string, Policy>();
  readonly #stopping = new AbortController();
  readonly #options: ClientSettingsOptions;
  readonly #ready: Promise<void>;
  readonly #following: Promise<void>[] = [];

  /** Starts reading at once. */
  constructor(options: ClientSettingsOptions) {
    this.#options = options;
    const partitions = Array.from({ length: options.partitions }, (_, partition) => partition);
    this.#ready = Promise.all(partitions.map((partition) => this.#follow(partition))).then(() => undefined);
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  policyOf(clientId: string): Policy | undefined {
    return this.#policies.get(clientId);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#following);
  }

  /** Resolves when the settings that are there now have been read; reads on until `close`. */
  #follow(partition: number): Promise<void> {
    return new Promise((caughtUp) => {
      this.#following.push(this.#readFor(partition, caughtUp));
    });
  }

  async #readFor(partition: number, caughtUp: () => void): Promise<void> {
    const { clock, logger, topic } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    while (!signal.aborted) {
      try {
        await this.#readFromStart(partition, caughtUp);
      } catch (err) {
        if (err instanceof ReaderClosedError) break;
        logger.warn({ err, topic, partition }, 'client settings cannot be read, tried again from their start');
        await clock.delay(backoff.next(), signal);
      }
    }
    caughtUp();
  }

  async #readFromStart(partition: number, caughtUp: () => void): Promise<void> {
    const { logs, topic } = this.#options;
    const { start, end } = await logs.bounds({ topic, partition });
    if (start >= end) caughtUp();
    const reader = logs.reader({ topic, partition }, start);
    const close = () => reader.close();
    this.#stopping.signal.addEventListener('abort', close);
    try {
      await this.#applyAll(reader, end, caughtUp);
    } finally {
      this.#stopping.signal.removeEventListener('abort', close);
      reader.close();
    }
  }

  async #applyAll(reader: LogReader, end: number, caughtUp: () => void): Promise<never> {
    for (;;) {
      const batch = await reader.next(READ_RECORDS);
      await this.#apply(batch.records);
      if (batch.nextOffset >= end) caughtUp();
    }
  }

  /** The key decides whom a record is about: a tombstone has nothing else. */
  async #apply(records: readonly LogRecord[]): Promise<void> {
    const settings = await this.#decode(records.flatMap(({ value }) => (value === null ? [] : [value])));
    let decoded = 0;
    for (const { key, value, offset } of records) {
      if (value === null) {
        if (key !== null) this.#policies.delete(key.toString());
        continue;
      }
      const setting = settings[decoded++] as ClientSetting | UnreadableSetting;
      if (setting.kind === 'setting') this.#policies.set(setting.clientId, setting.policy);
      else this.#options.logger.warn({ offset, why: setting.why }, 'client setting ignored: it cannot be read');
    }
  }

  async #decode(values: readonly Buffer[]): Promise<readonly (ClientSetting | UnreadableSetting)[]> {
    const { decode, clock, logger } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    for (;;) {
      try {
        return await decode(values, signal);
      } catch (error) {
        if (signal.aborted) throw new ReaderClosedError('stopped while waiting for the schema registry');
        if (!(error instanceof RegistryUnavailableError)) throw error;
        logger.warn({ err: error }, 'client settings wait for the schema registry');
        await clock.delay(backoff.next(), signal);
      }
    }
  }
}
