/**
 * The clients' own choices of policy: the client-settings topic, read to its end before the first decision and followed
 * from then on. A choice is small and changes rarely, so all are kept in memory.
 */
import type { Logger } from 'pino';
import { RegistryUnavailableError } from '../decode/schema-source.js';
import type { ClientSetting, UnreadableSetting } from '../decode/client-settings-decoder.js';
import type { Policy } from '../domain/policy.js';
import { Backoff } from '../lib/backoff.js';
import type { Clock } from '../lib/clock.js';
import type { LogRecord } from '../lib/record.js';
import type { ClientPolicies } from '../pipeline/context.js';
import { ReaderClosedError } from '../pipeline/errors.js';
import type { Logs } from '../pipeline/ports.js';

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
  /** Told when the settings were read up to their end, and of each portion after that. */
  readonly onProgress: () => void;
  /** Told of each error; reading is tried again. */
  readonly onError: (error: unknown, what: string) => void;
  readonly logger: Logger;
}

const READ_RECORDS = 10_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/** Client id to choice. */
type Policies = Map<string, Policy>;

export class ClientSettings implements ClientPolicies {
  /** What is in force, of each partition; a partition read anew keeps its old settings until it has been read. */
  readonly #inForce = new Map<number, Policies>();
  readonly #stopping = new AbortController();
  readonly #options: ClientSettingsOptions;
  readonly #ready: Promise<void>;
  readonly #following: readonly Promise<void>[];

  /** Starts reading at once. */
  constructor(options: ClientSettingsOptions) {
    this.#options = options;
    const partitions = Array.from({ length: options.partitions }, (_, partition) => partition);
    const followed = partitions.map((partition) => this.#follow(partition));
    this.#ready = Promise.all(followed.map(({ caughtUp }) => caughtUp)).then(() => undefined);
    this.#ready.catch(() => undefined); // For those who wait; there may be none.
    this.#following = followed.map(({ ended }) => ended);
  }

  /** Resolves once the settings that were there at the start are in force. @throws ReaderClosedError after `close` */
  ready(): Promise<void> {
    return this.#ready;
  }

  policyOf(clientId: string): Policy | undefined {
    for (const policies of this.#inForce.values()) {
      const policy = policies.get(clientId);
      if (policy !== undefined) return policy;
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#following);
  }

  #follow(partition: number): { caughtUp: Promise<void>; ended: Promise<void> } {
    let onCaughtUp: () => void = () => undefined;
    let onClosed: (error: Error) => void = () => undefined;
    const caughtUp = new Promise<void>((resolve, reject) => {
      onCaughtUp = resolve;
      onClosed = reject;
    });
    const ended = this.#readUntilClosed(partition, onCaughtUp).then(() =>
      onClosed(new ReaderClosedError('closed before all client settings were read')),
    );
    return { caughtUp, ended };
  }

  async #readUntilClosed(partition: number, onCaughtUp: () => void): Promise<void> {
    const { clock, onError, onProgress } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    while (!signal.aborted) {
      try {
        await this.#readFromStart(partition, () => {
          backoff.reset();
          onProgress();
          onCaughtUp();
        });
      } catch (err) {
        if (signal.aborted) return;
        onError(err, 'client settings cannot be read, tried again from their start');
        await clock.delay(backoff.next(), signal);
      }
    }
  }

  /** Reads for ever. @throws ReaderClosedError after `close`; what reading and decoding throw */
  async #readFromStart(partition: number, onCaughtUp: () => void): Promise<never> {
    const { logs, topic, onProgress } = this.#options;
    const { signal } = this.#stopping;
    const { start, end } = await logs.bounds({ topic, partition });
    const policies: Policies = new Map();
    const reader = logs.reader({ topic, partition }, start);
    const close = () => reader.close();
    signal.addEventListener('abort', close);
    if (signal.aborted) close();
    try {
      for (let position = start; ;) {
        if (position >= end && this.#inForce.get(partition) !== policies) {
          this.#inForce.set(partition, policies);
          onCaughtUp();
        }
        const batch = await reader.next(READ_RECORDS);
        await this.#apply(batch.records, policies);
        position = batch.nextOffset;
        onProgress();
      }
    } finally {
      signal.removeEventListener('abort', close);
      reader.close();
    }
  }

  async #apply(records: readonly LogRecord[], policies: Policies): Promise<void> {
    const decoded = await this.#decode(records.flatMap(({ value }) => (value === null ? [] : [value])));
    const settings = decoded.values();
    for (const { key, value, offset } of records) {
      // The key decides whom a record is about: compaction and tombstones go by it.
      const clientId = key?.toString();
      if (value === null) {
        if (clientId !== undefined) policies.delete(clientId);
        continue;
      }
      const setting = settings.next().value;
      if (setting === undefined) throw new Error('decoding gave fewer results than there are values');
      if (setting.kind === 'unreadable') this.#ignore(offset, setting.why);
      else if (setting.clientId !== clientId) this.#ignore(offset, `its key is not its client ${setting.clientId}`);
      else policies.set(clientId, setting.policy);
    }
  }

  /** The client keeps what is in force for it. */
  #ignore(offset: number, why: string): void {
    this.#options.logger.warn({ topic: this.#options.topic, offset, why }, 'client setting ignored');
  }

  async #decode(values: readonly Buffer[]): Promise<readonly (ClientSetting | UnreadableSetting)[]> {
    const { decode, clock, onError } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
    for (;;) {
      try {
        return await decode(values, signal);
      } catch (error) {
        if (signal.aborted) throw new ReaderClosedError('stopped while waiting for the schema registry');
        if (!(error instanceof RegistryUnavailableError)) throw error;
        onError(error, 'client settings wait for the schema registry');
        await clock.delay(backoff.next(), signal);
      }
    }
  }
}
