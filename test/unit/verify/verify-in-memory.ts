/** Runs the verifier on topics in memory. */
import { partitionOfKey } from '../../../src/kafka/transactions/partitioner.js';
import type { Header, LogRecord } from '../../../src/lib/record.js';
import type { Announcement } from '../../../src/verify/announcement.js';
import { ClientChoices } from '../../../src/verify/client-choices.js';
import type { ScratchStore, VerifyPlan, VerifyPorts } from '../../../src/verify/plan.js';
import { TopicValues } from '../../../src/verify/read-announcements.js';
import { InputReader } from '../../../src/verify/read-input.js';
import type { VerifyReport } from '../../../src/verify/report.js';
import type { StoredRow } from '../../../src/verify/rows.js';
import { verify } from '../../../src/verify/verify.js';
import type { AuditInput } from '../../../testkit/audit/audit-topics.js';
import type { TopicContents, TopicRecord } from '../../../testkit/audit/topic-record.js';

export interface Options {
  /** The first offset of each partition of the input that is left. */
  readonly from?: number;
  /** The first offset that retention has left when the partition is read; `from` if it has removed nothing meanwhile. */
  readonly left?: number;
  /** The offset after the last one that was processed. */
  readonly to?: number;
  readonly companyId?: string;
  /** Whether retention has removed records of the other topics. */
  readonly isTruncated?: boolean;
}

export async function verifyInMemory(input: AuditInput, options: Options = {}): Promise<VerifyReport> {
  const { events, synchronized, deadLetters, schemas, registered } = input;
  const schemaById = (id: number) => Promise.resolve(registered.get(id) ?? null);
  const announcements = new TopicValues<Announcement>(schemas.companySynchronized, schemaById);
  const choices = await choicesOf(input, schemaById);
  const { from = 0, to = Infinity, companyId = null, isTruncated = false } = options;
  const plan: VerifyPlan = {
    topics: { input: events.topic, announcements: synchronized.topic, deadLetters: deadLetters.topic },
    input: rangesOf(events).map((range) => ({ ...range, from, to: Math.min(range.to, to), logEnd: range.to })),
    announcements: rangesOf(synchronized).map((range) => ({ ...range, isTruncated })),
    deadLetters: rangesOf(deadLetters).map((range) => ({ ...range, isTruncated })),
    inputPartitions: events.partitions,
    applicationId: input.applicationId,
    eventNamespace: input.eventNamespace,
    allDatasetsFrom: input.allDatasetsFrom,
    defaultPartition: partitionOfKey,
    companyId,
    maxFindings: 100,
  };
  const contents = new Map([events, synchronized, deadLetters].map((topic) => [topic.topic, topic]));
  const ports: VerifyPorts = {
    startOf: ({ topic }) => Promise.resolve(topic === events.topic ? (options.left ?? from) : 0),
    async *records({ topic, partition }, range) {
      const records = contents.get(topic)?.records ?? [];
      const wanted = records.filter((one) => one.partition === partition);
      // Few at a time, so that batches end inside companies.
      for (let i = 0; i < wanted.length; i += 3)
        yield wanted
          .slice(i, i + 3)
          .map(logRecord)
          .filter(({ offset }) => offset >= range.from && offset < range.to);
      await Promise.resolve();
    },
    openScratch: () => Promise.resolve(new ScratchInMemory()),
    input: new InputReader(schemas.syncEvent, schemaById),
    announcements,
    choices,
    onProgress: () => undefined,
  };
  return verify(plan, ports);
}

/** More than the verifier holds of large rows: 4 MiB, and the row with which it has as much. */
const MAX_WRITE_BYTES = 8 * 2 ** 20;

class ScratchInMemory implements ScratchStore {
  #rows: StoredRow[] = [];

  write(rows: readonly StoredRow[]): Promise<void> {
    const bytes = rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    if (bytes > MAX_WRITE_BYTES) throw new Error(`${rows.length} rows of ${bytes} bytes were written at once`);
    this.#rows.push(...rows);
    return Promise.resolve();
  }

  async *pairs(prefix: Buffer): AsyncGenerator<StoredRow, void, undefined> {
    const rows = this.#rows.filter(({ key }) => key.subarray(0, prefix.length).equals(prefix));
    yield* rows.sort((a, b) => Buffer.compare(a.key, b.key));
    await Promise.resolve();
  }

  remove(): Promise<void> {
    this.#rows = [];
    return Promise.resolve();
  }
}

async function choicesOf({ settings, schemas }: AuditInput, schemaById: (id: number) => Promise<object | null>) {
  const values = new TopicValues<{ clientId: string; synchronizedTrigger: 'FIRST_DATASET' | 'ALL_DATASETS' }>(
    schemas.clientSettings,
    schemaById,
  );
  const choices = new ClientChoices();
  for (const record of settings.records) {
    await values.prepare(logRecord(record));
    const read = record.value === null ? null : values.read(logRecord(record));
    if (typeof read !== 'string') choices.add(record.key, read?.synchronizedTrigger ?? null, record.timestamp);
  }
  return choices;
}

function rangesOf({ partitions, records }: TopicContents): { partition: number; from: number; to: number }[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const offsets = records.filter((record) => record.partition === partition).map(({ offset }) => offset);
    return { partition, from: 0, to: Math.max(-1, ...offsets) + 1 };
  });
}

/** In the order in which the processor adds them. */
const ADDED = ['dl_code', 'dl_message', 'dl_topic', 'dl_partition', 'dl_offset', 'dl_timestamp'];

/** Headers by name have lost the order between names: the added ones of a dead letter come last. */
export function logRecord({ offset, timestamp, key, value, headers }: TopicRecord): LogRecord {
  const own: Header[] = [];
  const added: Header[] = [];
  const isLetter = headers.has('dl_message');
  for (const [name, values] of headers)
    values.forEach((one, i) => {
      const isAdded = isLetter && ADDED.includes(name) && i === values.length - 1;
      (isAdded ? added : own).push({ key: name, value: one });
    });
  added.sort((a, b) => ADDED.indexOf(a.key) - ADDED.indexOf(b.key));
  return { offset, timestamp, key, value, headers: [...own, ...added] };
}
