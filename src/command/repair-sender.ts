/** Sends repairs and releases of bad records to the input topic. */
import type { Logger } from 'pino';
import type { PartsOf } from '../config-parts.js';
import { kafkaConfigOf } from '../kafka/connection/kafka-config.js';
import { RecordSender, sendTogether, type RecordTo } from '../kafka/topics/record-sender.js';
import { partitionsOf } from '../kafka/topics/topics.js';
import type { RecordToWrite } from '../lib/record.js';
import { systemClock } from '../lib/system-clock.js';
import { repairsHeaders, type RecordId } from './repair-attempts.js';
import { INPUT_SCHEMA_READS, syncEventJson, syncEventRecords } from './schemas.js';

/** The parts of the configuration that `RepairSender` reads. */
export const SENDER_READS = ['applicationId', 'kafka', ...INPUT_SCHEMA_READS] as const;

export class RepairSender {
  #sender: Promise<RecordSender> | undefined;
  #inputPartitions: Promise<number> | undefined;

  constructor(
    private readonly config: PartsOf<(typeof SENDER_READS)[number]>,
    private readonly logger: Logger,
    private readonly schemasFolder: string,
  ) {}

  /** Never rejects. */
  async close(): Promise<void> {
    const sender = await this.#sender?.catch(() => undefined);
    await sender?.close();
  }

  /** How many partitions the input topic has. */
  inputPartitions(): Promise<number> {
    const { syncEvents: topic } = this.config.topics;
    this.#inputPartitions ??= partitionsOf(kafkaConfigOf(this.config, this.logger), systemClock, topic);
    return this.#inputPartitions;
  }

  /** Sends the records. Several records are written in one transaction: all of them or none. */
  async send(records: readonly RecordTo[]): Promise<void> {
    const { applicationId, topics } = this.config;
    const kafka = kafkaConfigOf(this.config, this.logger);
    if (records.length > 1)
      return sendTogether(kafka, systemClock, `${applicationId}-dead-letters`, topics.syncEvents, records);
    this.#sender ??= RecordSender.connect(kafka, systemClock);
    await (await this.#sender).send(topics.syncEvents, records);
  }

  /** A status record whose only effect is to lift holds. */
  async releaseOf(companyId: string, clientId: string, holds: Iterable<RecordId>, why: string): Promise<RecordToWrite> {
    const status = {
      datasetId: 'release',
      connectionId: 'release',
      dataType: 'release',
      status: 'Cancelled',
      trigger: 'REFRESH',
      errorMessage: why,
    };
    const line = JSON.stringify({ companyId, clientId, payload: { DatasetStatusChanged: status } });
    const json = await syncEventJson(this.schemasFolder);
    const record = (await syncEventRecords(this.config, json)).recordOf(json.eventOf(line));
    return { ...record, headers: repairsHeaders(holds) };
  }
}
