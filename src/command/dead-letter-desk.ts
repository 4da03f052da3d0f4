/** What the commands about dead letters share: reading them, judging whether one can be read now, sending repairs. */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { isPoison } from '../decode/poison.js';
import { loadReaderSchemas } from '../decode/reader-schemas.js';
import { createSyncEventDecoder, REPAIRS_HEADER, type SyncEventDecoder } from '../decode/sync-event-decoder.js';
import type { InputEvent } from '../domain/events.js';
import { kafkaConfigOf } from '../kafka/kafka-config.js';
import { KafkaLogs } from '../kafka/kafka-logs.js';
import { readPartition } from '../kafka/read-topic.js';
import { RecordSender } from '../kafka/record-sender.js';
import { SchemaRegistry } from '../kafka/schema-registry.js';
import { partitionsOf } from '../kafka/topics.js';
import { NO_HEADERS, type LogRecord, type RecordToWrite } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { idOf, readDeadLetter, type DeadLetter } from '../publish/dead-letter-reading.js';
import { newestSchemas, syncEventJson } from './schemas.js';

const PROGRESS_INTERVAL_MS = 2_000;

/** A dead letter, and the repair that was sent for it last. */
export interface Letter extends DeadLetter {
  /** `<partition>/<offset>` of a later record that names it in a `repairs` header; null while there is none. */
  readonly answeredBy: string | null;
}

export class DeadLetterDesk {
  readonly #logs: KafkaLogs;
  readonly #registry: SchemaRegistry;

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
    private readonly schemasFolder: string,
  ) {
    this.#logs = new KafkaLogs({
      ...{ config: kafkaConfigOf(config, logger), groupId: config.applicationId, clock: systemClock },
      onTrouble: (_at, error) => console.error(error.message),
    });
    this.#registry = new SchemaRegistry(config.schemaRegistry);
  }

  /** Never rejects. */
  close(): Promise<void> {
    return this.#logs.close();
  }

  /** All that the topic has, oldest first. The input is read from the oldest on, for the repairs that were sent. */
  async letters(): Promise<Letter[]> {
    const { deadLetter, syncEvents } = this.config.topics;
    const letters: DeadLetter[] = [];
    await this.#readAll(
      deadLetter,
      () => 0,
      (record) => {
        const letter = readDeadLetter(record);
        if (letter !== null) letters.push(letter);
      },
    );
    const oldest = new Map<number, number>();
    for (const { partition, offset } of letters)
      oldest.set(partition, Math.min(offset, oldest.get(partition) ?? Infinity));
    const answers = new Map<string, string>();
    await this.#readAll(
      syncEvents,
      (partition) => oldest.get(partition) ?? null,
      (record, partition) => {
        for (const { key, value } of record.headers)
          if (key === REPAIRS_HEADER && value !== null) answers.set(value.toString(), `${partition}/${record.offset}`);
      },
    );
    letters.sort((a, b) => a.writtenAt - b.writtenAt || a.partition - b.partition || a.offset - b.offset);
    return letters.map((letter) => ({ ...letter, answeredBy: answers.get(idOf(letter)) ?? null }));
  }

  /** The letter as an event, read with what the registry has now; in words why it is still none. */
  async readAgain(letter: DeadLetter): Promise<InputEvent | string> {
    return this.#decode(letter);
  }

  /** One line of JSON, as `events send` takes it. @throws MalformedLineError */
  async readLine(file: string): Promise<{ record: RecordToWrite & { readonly key: Buffer }; event: InputEvent }> {
    const json = await syncEventJson(this.config, this.schemasFolder);
    const record = json.recordOf(await readFile(file, 'utf8'));
    const event = await this.#decode({ ...record, offset: 0, timestamp: systemClock.now() });
    if (typeof event === 'string') throw new Error(event);
    return { record, event };
  }

  /** The first later status of the dataset that `event` is about; null where none came. */
  async laterStatus(event: InputEvent, { partition, offset }: DeadLetter): Promise<string | null> {
    const { payload } = event;
    if (payload.kind !== 'status') return null;
    const key = Buffer.from(event.companyId);
    const records: LogRecord[] = [];
    await readPartition(this.#logs, { topic: this.config.topics.syncEvents, partition }, offset + 1, (record) => {
      if (record.key?.equals(key) === true) records.push(record);
    });
    for (const record of records) {
      const later = await this.#decode(record);
      if (typeof later === 'string' || later.payload.kind !== 'status') continue;
      if (later.payload.datasetId === payload.datasetId && later.payload.trigger !== 'REFRESH')
        return `${partition}/${record.offset}`;
    }
    return null;
  }

  /** @param partition by the key without it */
  async send(records: readonly RecordToWrite[], partition?: number): Promise<void> {
    const sender = await RecordSender.connect(kafkaConfigOf(this.config, this.logger));
    try {
      await sender.send(this.config.topics.syncEvents, records, partition === undefined ? {} : { partition });
    } finally {
      await sender.close();
    }
  }

  /** A status that is ignored but for the holds that it lifts. */
  async releaseOf(companyId: string, clientId: string, holds: readonly string[], why: string): Promise<RecordToWrite> {
    const status = {
      ...{ datasetId: 'release', connectionId: 'release', dataType: 'release', status: 'Cancelled' },
      ...{ trigger: 'REFRESH', errorMessage: why },
    };
    const line = JSON.stringify({ companyId, clientId, payload: { DatasetStatusChanged: status } });
    const record = (await syncEventJson(this.config, this.schemasFolder)).recordOf(line);
    return { ...record, headers: holds.map((hold) => ({ key: REPAIRS_HEADER, value: Buffer.from(hold) })) };
  }

  async #readAll(
    topic: string,
    from: (partition: number) => number | null,
    take: (record: LogRecord, partition: number) => void,
  ): Promise<void> {
    let read = 0;
    let toldAt = Date.now();
    const tell = (): void => {
      if (++read % 1_000 !== 0 || Date.now() - toldAt < PROGRESS_INTERVAL_MS) return;
      toldAt = Date.now();
      console.error(`${read} records of ${topic} read`);
    };
    const partitions = await partitionsOf(kafkaConfigOf(this.config, this.logger), systemClock, topic);
    await Promise.all(
      Array.from({ length: partitions }, async (_, partition) => {
        const first = from(partition);
        if (first === null) return;
        await readPartition(this.#logs, { topic, partition }, first, (record) => {
          take(record, partition);
          tell();
        });
      }),
    );
  }

  #decoder: SyncEventDecoder | undefined;

  async #decode(record: Omit<LogRecord, 'headers'>): Promise<InputEvent | string> {
    this.#decoder ??= await this.#createDecoder();
    const [decoded] = await this.#decoder.decodeBatch(
      [{ ...record, headers: NO_HEADERS }],
      AbortSignal.timeout(60_000),
    );
    if (decoded === undefined) throw new Error('a record was decoded to nothing');
    return isPoison(decoded) ? `${decoded.code}: ${decoded.message.split(';')[0] ?? ''}` : decoded;
  }

  async #createDecoder(): Promise<SyncEventDecoder> {
    const newest = await newestSchemas(this.config.topics, this.schemasFolder);
    const ids = await Promise.all(newest.map(({ subject, schema }) => this.#registry.idOf(subject, schema)));
    const knownId = ids.find((id) => id !== null);
    if (knownId == null) throw new Error('no schema is registered: run `company-sync schemas register`');
    const { syncEvent } = await loadReaderSchemas(this.schemasFolder);
    return createSyncEventDecoder(syncEvent, { source: this.#registry, clock: systemClock, knownId });
  }
}
