/**
 * Knows the clients' own choices of policy. It reads the client-settings topic to its end before the first decision,
 * and follows it from then on.
 *
 * A choice is small and changes rarely. So choices that differ from the default are kept in memory, up to
 * MAX_CHOICES_BYTES. If the choices need more memory, or if a batch cannot be read, the choices in force stay, and the
 * topic is read again each minute. An instance that is starting waits.
 *
 * A client whose choice cannot be read counts as ALL_DATASETS. If the registry lacks a schema, it may be the wrong one, or
 * an old backup, so the topic is read again later. If it lacks the schemas of many clients, an instance that is starting
 * waits, as a partition does (registry-brake.ts), until the registry has them or an operator consents.
 */
import { isUtf8 } from 'node:buffer';
import type { Logger } from 'pino';
import type { OpenIds } from '../../decode/schema-search.js';
import { SUSPECT_COMPANIES, UnconfirmedSchemasError } from '../../decode/registry-brake.js';
import { RegistryUnavailableError } from '../../decode/schema-source.js';
import type { ClientSetting, UnreadableSetting } from '../../decode/client-settings-decoder.js';
import { ClientChoices, TooManyChoicesError } from '../../domain/client-choices.js';
import { MAX_TEXT_BYTES } from '../../domain/limits.js';
import type { Policy } from '../../domain/policy.js';
import { Backoff } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { foreignText } from '../../lib/foreign-text.js';
import { LongPromise } from '../../lib/long-promise.js';
import { Stopwatch } from '../../lib/stopwatch.js';
import { withReader } from '../../lib/with-reader.js';
import type { LogRecord } from '../../lib/record.js';
import type { ClientPolicies } from '../../pipeline/context.js';
import { ReaderClosedError, StaleViewError, UnreadableBatchError } from '../../pipeline/errors.js';
import type { LogReader, Logs } from '../../pipeline/ports.js';

export interface ClientSettingsOptions {
  readonly logs: Logs;
  /** It must have one partition: with several, an older choice could win over a newer one. */
  readonly topic: string;
  /**
   * Returns one result for each value, in the same order. After an error, it is called again with the same array.
   *
   * @param onWait called before each pause until schema ids count as unknown
   * @throws RegistryUnavailableError
   */
  readonly decode: (
    values: readonly Buffer[],
    signal: AbortSignal,
    onWait: (open: OpenIds) => void,
  ) => Promise<readonly (ClientSetting | UnreadableSetting)[]>;
  readonly clock: Clock;
  /** Called when the topic was read to its end, and after each later read. */
  readonly onProgress: () => void;
  /** Called with each error after which reading is tried again. */
  readonly onError: (error: unknown, message: string) => void;
  readonly logger: Logger;
  /** An operator has confirmed that the unknown schema ids are wrong: a start does not wait. */
  readonly mayHaveUnknownSchemas?: boolean;
  /** Bytes of memory that the choices may take; MAX_CHOICES_BYTES by default. */
  readonly maxBytes?: number;
}

const READ_RECORDS = 10_000;
const CHOICES_FIRST_RETRY_MS = 100;
const CHOICES_MAX_RETRY_MS = 5_000;
/** The pause if an operator must act. An attempt then decompresses up to MAX_BATCH_BYTES, or reads the whole topic. */
const UNREADABLE_RETRY_MS = 60_000;
const NEED_AN_OPERATOR = [UnreadableBatchError, TooManyChoicesError, UnconfirmedSchemasError];
/** While schemas are unknown, the topic is read again after this time. */
const SCHEMAS_AGAIN_MS = 600_000;
/** Records of one read of the topic that are logged one by one. The others are counted. */
const MAX_LOGGED = 10;

const PARTITION = 0;
const COUNTS_AS_ALL = 'client setting cannot be read; the client counts as ALL_DATASETS';

/** Records of one read of the topic. */
interface Counts {
  readable: number;
  unreadable: number;
}

export class ClientSettings implements ClientPolicies {
  /** The choices in force. While the topic is read again from its start, the old choices stay in force. */
  #inForce: ClientChoices | null = null;
  readonly #stopping = new AbortController();
  readonly #options: ClientSettingsOptions;
  readonly #ready: LongPromise<unknown>;
  readonly #following: Promise<void>;

  /** Starts reading at once. */
  constructor(options: ClientSettingsOptions) {
    this.#options = options;
    let onCaughtUp: () => void = () => undefined;
    let onClosed: (error: Error) => void = () => undefined;
    const caughtUp = new Promise<void>((resolve, reject) => {
      onCaughtUp = resolve;
      onClosed = reject;
    });
    this.#ready = new LongPromise(caughtUp);
    this.#following = this.#readUntilClosed(onCaughtUp).then(() =>
      onClosed(new ReaderClosedError("closed before all clients' choices were read")),
    );
  }

  /**
   * Resolves once the choices that existed at the start are in force, or when `signal` aborts.
   * @throws ReaderClosedError after `close`
   */
  async ready(signal: AbortSignal): Promise<void> {
    if (await this.#ready.settlesBefore(signal)) await this.#ready.promise;
  }

  policyOf(clientId: string): Policy | undefined {
    return this.#inForce?.policyOf(clientId);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  async #readUntilClosed(onCaughtUp: () => void): Promise<void> {
    const { clock, onError, onProgress } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff(CHOICES_FIRST_RETRY_MS, CHOICES_MAX_RETRY_MS);
    while (!signal.aborted) {
      try {
        await this.#readFromStart(() => {
          backoff.reset();
          onProgress();
          onCaughtUp();
        });
      } catch (err) {
        if (signal.aborted) return;
        onError(err, "could not read the clients' choices; trying again from the start of the topic");
        const isStuck = NEED_AN_OPERATOR.some((kind) => err instanceof kind);
        await clock.delay(isStuck ? UNREADABLE_RETRY_MS : backoff.next(), signal);
      }
    }
  }

  /** Reads until `close`, or until unknown schemas are to be requested again. @throws ReaderClosedError after `close`; what reading and decoding throw */
  async #readFromStart(onCaughtUp: () => void): Promise<void> {
    const { logs, topic, onProgress, maxBytes, clock } = this.#options;
    const { signal } = this.#stopping;
    const partition = { topic, partition: PARTITION };
    const { start, end, byMost } = await logs.bounds(partition);
    // With old choices, companies could be announced early, and an announcement cannot be undone.
    if (!byMost)
      throw new StaleViewError(
        `too few brokers answer to know who leads ${topic}/${PARTITION}: a broker that is cut off would give old settings`,
      );
    const policies = new ClientChoices(maxBytes);
    const counts: Counts = { readable: 0, unreadable: 0 };
    const follow = async (reader: LogReader): Promise<void> => {
      let sinceCaughtUp = new Stopwatch(clock);
      for (let position = start; ;) {
        if (position >= end && this.#inForce !== policies) {
          policies.mustFit();
          this.#mustBeRightRegistry(policies, counts);
          this.#inForce = policies;
          onCaughtUp();
          sinceCaughtUp = new Stopwatch(clock);
          this.#logUnreadable(counts, policies);
        }
        const next = new LongPromise(reader.next(READ_RECORDS));
        const restMs = Math.max(0, SCHEMAS_AGAIN_MS - sinceCaughtUp.elapsedMs);
        const mayChange = this.#inForce === policies && policies.unknownSchemas > 0;
        if (mayChange && !(await next.settlesWithin(clock, restMs))) return;
        const batch = await next.promise;
        await this.#apply(batch.records, policies, counts);
        position = batch.nextOffset;
        if (this.#inForce === policies && position >= batch.endOffset) policies.mustFit();
        // Progress is reported only now: a read may fail again at the same place, and an earlier report of progress
        // would hide that failure.
        if (this.#inForce === policies) onProgress();
      }
    };
    return withReader(logs.reader(partition, start), follow, signal);
  }

  async #apply(records: readonly LogRecord[], policies: ClientChoices, counts: Counts): Promise<void> {
    const decoded = await this.#decode(records.flatMap(({ value }) => (value === null ? [] : [value])));
    const settings = decoded.values();
    for (const { key, value, offset } of records) {
      // The key decides which client a record is about, because compaction and tombstones use the key.
      // Different bytes that are not UTF-8 become the same text, so such a key names no client.
      // No accepted record can belong to a client with a longer id.
      const isUsable = key !== null && key.length <= MAX_TEXT_BYTES && isUtf8(key);
      const clientId = isUsable ? key.toString() : undefined;
      if (value === null) {
        if (clientId !== undefined) policies.delete(clientId);
        continue;
      }
      const setting = settings.next().value;
      if (setting === undefined) throw new Error('decoding gave fewer results than there are values');
      if (setting.kind === 'setting') counts.readable++;
      if (setting.kind === 'setting' && setting.clientId === clientId) policies.set(clientId, setting.policy);
      else {
        if (clientId !== undefined) policies.setUnreadable(clientId, setting.kind === 'unknown-schema');
        const why =
          setting.kind === 'setting' ? `its key is not its client ${foreignText(setting.clientId)}` : setting.why;
        if (counts.unreadable++ < MAX_LOGGED) this.#warn({ offset, why }, clientId);
      }
    }
  }

  #warn(what: object, clientId: string | undefined): void {
    const { logger, topic } = this.#options;
    if (clientId === undefined) logger.warn({ topic, ...what }, 'client setting ignored: its key names no client');
    else logger.warn({ topic, ...what, clientId }, COUNTS_AS_ALL);
  }

  #logUnreadable({ unreadable }: Counts, { unknownSchemas }: ClientChoices): void {
    const { logger, topic } = this.#options;
    if (unreadable > MAX_LOGGED) logger.warn({ topic, records: unreadable, unknownSchemas }, COUNTS_AS_ALL);
  }

  /**
   * An instance that has choices in force takes the new ones: clients with unknown schemas count as ALL_DATASETS in them.
   *
   * @throws UnconfirmedSchemasError if an instance that is starting must wait
   */
  #mustBeRightRegistry({ unknownSchemas }: ClientChoices, { readable }: Counts): void {
    const { mayHaveUnknownSchemas, topic } = this.#options;
    const isSuspect = unknownSchemas >= SUSPECT_COMPANIES && unknownSchemas >= readable;
    if (!isSuspect || mayHaveUnknownSchemas === true || this.#inForce !== null) return;
    throw new UnconfirmedSchemasError(
      `the schema registry lacks the schemas of the choices of ${unknownSchemas} clients in ${topic}, and only ${readable} ` +
        'choices can be read: it may be the wrong one, or an old backup. Check SCHEMA_REGISTRY_URL; the instance continues ' +
        'without a restart when the registry has these schemas. If the portal has written wrong ids, ask its team to write ' +
        'these settings again. To count these clients as ALL_DATASETS instead: company-sync run --consent unknown-schemas, ' +
        'with the settings of this instance',
    );
  }

  async #decode(values: readonly Buffer[]): Promise<readonly (ClientSetting | UnreadableSetting)[]> {
    const { decode, clock, onError, logger, topic } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff(CHOICES_FIRST_RETRY_MS, CHOICES_MAX_RETRY_MS);
    let isLogged = false;
    const onWait = ({ count, id }: OpenIds) => {
      if (!isLogged)
        logger.warn(
          { topic, ids: count, id },
          'the registry denies schema ids of client settings; waiting until they count as unknown',
        );
      isLogged = true;
    };
    for (;;) {
      try {
        return await decode(values, signal, onWait);
      } catch (error) {
        if (signal.aborted) throw new ReaderClosedError('stopped while waiting for the schema registry');
        if (!(error instanceof RegistryUnavailableError)) throw error;
        onError(error, "could not decode a client's choice; waiting for the schema registry");
        await clock.delay(Math.max(backoff.next(), error.retryAfterMs ?? 0), signal);
      }
    }
  }
}
