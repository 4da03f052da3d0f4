import { Kafka, logLevel, type Consumer, type EachBatchPayload, type IHeaders, type KafkaMessage } from 'kafkajs';
import { AnnouncementReader } from './announcement-reader.js';
import { DeliveredIds } from './delivered-ids.js';
import { failedBecauseOf, pauseAfter, tryToDeliver, type Outcome } from './try.js';
import { companyEventOf, EVENT_TYPES, webhookOf, type WebhookOptions } from './webhook.js';

export interface Options extends WebhookOptions {
  readonly url: string;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly topic: string;
  /** The topic of `CompanySyncFailed`; null if these events are not posted. */
  readonly failedTopic: string | null;
  readonly groupId: string;
}

/** More than one record takes: 5 s for its schema and 8 s for the receiver. Heartbeats are sent between records. */
const SESSION_TIMEOUT_MS = 20_000;
/** A paused partition continues at most this much later than planned. */
const LONGEST_WAIT_FOR_RECORDS_MS = 500;
const PARTITIONS_AT_ONCE = 4;

/**
 * Reads announcements, and failures if wanted, and posts each to the receiver, in the order of its partition.
 *
 * An offset is committed only after the receiver has answered 2xx. So nothing is lost when this process ends, and a
 * webhook in progress is sent again with the same webhook-id. If a delivery fails, it is tried again without a limit.
 * Its partition waits meanwhile; other partitions continue.
 */
export class Dispatcher {
  readonly #options: Options;
  readonly #say: (line: string) => void;
  readonly #consumer: Consumer;
  readonly #announcements: AnnouncementReader;
  /** `<topic>/<partition>` -> the number of consecutive failures of its next record. */
  readonly #failures = new Map<string, number>();
  /**
   * Ids of recent deliveries, the oldest first. They spare the receiver most repetitions, but do not outlive this
   * process.
   */
  readonly #delivered = new DeliveredIds();
  #end: (error: Error | null) => void = () => undefined;

  constructor(options: Options, say: (line: string) => void) {
    const { brokers, groupId, registryUrl } = options;
    this.#options = options;
    this.#say = say;
    this.#consumer = new Kafka({ clientId: groupId, brokers: [...brokers], logLevel: logLevel.ERROR }).consumer({
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      maxWaitTimeInMs: LONGEST_WAIT_FOR_RECORDS_MS,
      readUncommitted: false, // read_committed: announcements of aborted transactions were never made
      allowAutoTopicCreation: false,
    });
    this.#announcements = new AnnouncementReader(registryUrl);
  }

  /**
   * Runs until `stop`. @throws Error if the brokers give up on this consumer, or the receiver wants no more webhooks
   */
  async run(): Promise<void> {
    const { topic, failedTopic, groupId, url } = this.#options;
    const topics = failedTopic === null ? [topic] : [topic, failedTopic];
    const ended = new Promise<Error | null>((resolve) => (this.#end = resolve));
    this.#consumer.on('consumer.crash', ({ payload }) => {
      if (!payload.restart) this.#end(payload.error);
    });
    try {
      await this.#consumer.connect();
      // If the group has no offset, read from the beginning: earlier announcements must not be missed.
      await this.#consumer.subscribe({ topics, fromBeginning: true });
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
        eachBatch: (payload) => this.#work(payload),
      });
      this.#say(`group ${groupId} dispatches ${topics.join(' and ')} to ${new URL(url).origin}`);
      const error = await ended;
      if (error !== null) throw error;
    } finally {
      await this.#consumer.disconnect();
    }
  }

  /** Finishes the requests in progress and leaves the group. */
  stop(): void {
    this.#end(null);
  }

  async #work(payload: EachBatchPayload): Promise<void> {
    const { topic, partition, messages } = payload.batch;
    for (const message of messages) {
      if (!payload.isRunning() || payload.isStale()) return;
      const outcome = await this.#dispatch(topic, message);
      if (outcome.kind === 'gone') {
        payload.pause();
        return this.#end(new Error(`${new URL(this.#options.url).origin} answered 410: it wants no more webhooks`));
      }
      if (outcome.kind === 'failed') return this.#comeAgain(payload, message, outcome);
      this.#failures.delete(`${topic}/${partition}`);
      payload.resolveOffset(message.offset);
      await payload.commitOffsetsIfNecessary(payload.uncommittedOffsets());
      await payload.heartbeat();
    }
  }

  /** Pauses the partition. It is then fetched again from its first undelivered record. */
  #comeAgain(payload: EachBatchPayload, { offset }: KafkaMessage, { why, retryAfterMs }: Failed): void {
    const { topic, partition } = payload.batch;
    const place = `${topic}/${partition}`;
    const failures = (this.#failures.get(place) ?? 0) + 1;
    this.#failures.set(place, failures);
    const pauseMs = pauseAfter(failures, retryAfterMs, Math.random());
    this.#say(`${partition}/${offset} failed: ${why}; try ${failures + 1} in ${(pauseMs / 1_000).toFixed(1)} s`);
    setTimeout(payload.pause(), pauseMs).unref();
  }

  async #dispatch(topic: string, { value, headers }: KafkaMessage): Promise<Outcome> {
    try {
      if (value === null) throw new Error('the record has no value');
      const event = companyEventOf(await this.#announcements.read(value));
      const { eventId, companyId } = event;
      if (this.#delivered.has(eventId)) return { kind: 'delivered', status: 200 };
      const ofRecord = { ceTime: textOf(headers?.['ce_time']), traceparent: textOf(headers?.['traceparent']) };
      const type = topic === this.#options.failedTopic ? EVENT_TYPES.failed : EVENT_TYPES.synchronized;
      const webhook = webhookOf(event, type, ofRecord, this.#options, Date.now());
      const outcome = await tryToDeliver(this.#options.url, webhook.headers, webhook.body);
      if (outcome.kind === 'delivered') {
        this.#delivered.add(eventId);
        this.#say(`delivered ${eventId} of company ${companyId}: ${outcome.status}`);
      }
      return outcome;
    } catch (error) {
      return failedBecauseOf(error); // No record is skipped: neither while the registry is down, nor if the record cannot be read.
    }
  }
}

function textOf(header: IHeaders[string]): string {
  return Array.isArray(header) ? '' : (header?.toString() ?? '');
}

type Failed = Extract<Outcome, { kind: 'failed' }>;
