import { randomUUID } from 'node:crypto';
import type { Consumer, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import { pollUntil } from '../cluster/poll-until.js';
import { readLogEnds, type LogEnds } from './log-ends.js';
import type { RecordHeaders, TopicContents, TopicRecord } from './topic-record.js';

/**
 * The time limit for all transactions to end, and then for each step of reading. Both take milliseconds without a
 * fault.
 */
const DECIDED_TIMEOUT_MS = 90_000;
const READ_TIMEOUT_MS = 120_000;
const BYTES_PER_PARTITION = 4 * 1024 * 1024;

/**
 * Reads whole topics, read_committed, with an ordinary consumer in its own group. First waits until no transaction is
 * open in them: then it cannot miss a committed record.
 *
 * @returns the contents in the order of `topics`
 */
export async function readTopics(kafka: Kafka, topics: readonly string[]): Promise<TopicContents[]> {
  const ends = await decidedEnds(kafka, topics);
  const records = new Map(topics.map((topic) => [topic, [] as TopicRecord[]]));
  const groupId = `audit-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxBytesPerPartition: BYTES_PER_PARTITION, maxWaitTimeInMs: 100 });
  const unread = new Unread(ends);
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await readAll(consumer, unread, (topic, partition, messages) => {
      for (const message of messages) records.get(topic)?.push(toRecord(partition, message));
    });
  } finally {
    await consumer.disconnect();
  }
  await deleteGroup(kafka, groupId);
  return topics.map((topic) => ({
    topic,
    partitions: ends.get(topic)?.length ?? 0,
    records: sorted(records.get(topic) ?? []),
  }));
}

type Ends = ReadonlyMap<string, readonly LogEnds[]>;

async function decidedEnds(kafka: Kafka, topics: readonly string[]): Promise<Ends> {
  let ends: Ends = new Map();
  await pollUntil(
    async () => {
      ends = await readLogEnds(kafka, topics);
      return [...ends.values()].flat().every(({ stable, high }) => stable === high);
    },
    { awaited: `no transaction is open in ${topics.join(', ')}`, timeoutMs: DECIDED_TIMEOUT_MS },
  );
  return ends;
}

/** The partitions that are not read to their ends yet. */
class Unread {
  readonly #ends = new Map<string, number>();

  constructor(ends: Ends) {
    for (const [topic, partitions] of ends)
      partitions.forEach(({ start, high }, partition) => {
        if (start < high) this.#ends.set(`${topic}/${partition}`, high);
      });
  }

  get none(): boolean {
    return this.#ends.size === 0;
  }

  get partitions(): string {
    return [...this.#ends.keys()].join(', ');
  }

  readUpTo(topic: string, partition: number, position: number): void {
    const end = this.#ends.get(`${topic}/${partition}`);
    if (end !== undefined && position >= end) this.#ends.delete(`${topic}/${partition}`);
  }
}

async function readAll(
  consumer: Consumer,
  unread: Unread,
  take: (topic: string, partition: number, messages: readonly KafkaMessage[]) => void,
): Promise<void> {
  // This event comes after eachBatch. It also comes for batches with only markers or aborted records.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) =>
    unread.readUpTo(payload.topic, payload.partition, Number(payload.lastOffset) + 1),
  );
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
  const delivered = new Map<string, number>();
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      // After a rejoin, records are delivered again from the beginning, because no offset was committed.
      const id = `${batch.topic}/${batch.partition}`;
      const from = delivered.get(id) ?? 0;
      const fresh = batch.messages.filter((message) => Number(message.offset) >= from);
      take(batch.topic, batch.partition, fresh);
      delivered.set(id, Math.max(from, Number(batch.lastOffset()) + 1));
      return Promise.resolve();
    },
  });
  await pollUntil(() => Promise.resolve(unread.none), {
    awaited: `the audit has read ${[...new Set(unread.partitions.split(', '))].join(', ')}`,
    timeoutMs: READ_TIMEOUT_MS,
    abort: crashed,
  });
}

async function deleteGroup(kafka: Kafka, groupId: string): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    await admin.deleteGroups([groupId]);
  } finally {
    await admin.disconnect();
  }
}

function sorted(records: TopicRecord[]): TopicRecord[] {
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}

function toRecord(partition: number, message: KafkaMessage): TopicRecord {
  return {
    partition,
    offset: Number(message.offset),
    timestamp: Number(message.timestamp),
    key: copy(message.key),
    value: copy(message.value),
    headers: toHeaders(message.headers ?? {}),
  };
}

/** kafkajs returns slices of the whole response. Without a copy, they would keep the response in memory. */
function copy(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function toHeaders(headers: IHeaders): RecordHeaders {
  const lists = Object.entries(headers).map(([key, value]): [string, (Buffer | null)[]] => {
    const values = Array.isArray(value) ? value : [value];
    return [key, values.map((one) => (one == null ? null : Buffer.from(one as Buffer)))];
  });
  return new Map(lists);
}
